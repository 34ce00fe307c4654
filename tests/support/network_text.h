#pragma once
/* A network from [network] lines in a string, as they would stand in an INI file: for tests. */
#include "core/network.h"

/* Lines are separated by '\n'; blank ones are passed over. Messages name them as "test.ini:3". Plans only;
 * the caller binds and destroys. */
enum status network_from_text(struct network *network, struct shape input, const char *text);

/* The same; a failure fails the running cmocka test with the message. */
void network_must_plan(struct network *network, struct shape input, const char *text);

/* Fails the running cmocka test unless the text is refused with STATUS_USAGE and a message that holds every
 * one of `parts` ("a|b|c"), and leaves an empty network. */
void network_must_refuse(struct shape input, const char *text, const char *parts);

/* Has every layer do its own work in memory of its own, where the plan lets others do it in passing: the same
 * bits should come out. Between plan and bind. */
void network_set_apart(struct network *network);
