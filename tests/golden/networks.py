"""The networks of the golden files: our own lines, and what goes with them. Read by make_golden.py."""

# Every network: input, samples, optimizer settings, lines.
NETWORKS = {
    "plain": dict(input="8x8x1", n=5, lr=0.05, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=same
        relu1 = relu
        pool1 = maxpool size=2
        conv2 = conv2d filters=8 kernel=3 padding=1
        relu2 = relu
        pool2 = maxpool size=2
        drop1 = dropout rate=0
        flat = flatten
        fc1 = dense units=12
        relu3 = relu
        fc2 = dense units=10
        out = softmax"""),
    "single": dict(input="5x7x1", n=1, lr=0.1, lines="""
        conv1 = conv2d filters=1 kernel=3 padding=valid
        tanh1 = tanh
        conv2 = conv2d filters=1 kernel=1 bias=no
        flat = flatten
        fc = dense units=2
        out = softmax"""),
    "stride": dict(input="11x14x3", n=4, lr=0.05, momentum=0.9, lines="""
        conv1 = conv2d filters=5 kernel=3x5 stride=2x1 padding=1x2
        relu1 = leaky_relu slope=0.2
        conv2 = conv2d filters=4 kernel=2x3 stride=1x3 padding=0x1 bias=no
        relu2 = relu
        conv3 = conv2d filters=4 kernel=1x2 stride=2x3 padding=valid
        tanh3 = tanh
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "same_even": dict(input="7x6x2", n=3, lr=0.05, momentum=0.9, nesterov=True, lines="""
        conv1 = conv2d filters=4 kernel=2 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=3 kernel=4x3 padding=same
        sig2 = sigmoid
        conv3 = conv2d filters=4 kernel=5x2 padding=same bias=no
        flat = flatten
        fc = dense units=3 bias=no
        out = softmax"""),
    "same_stride": dict(input="13x10x2", n=3, lr=0.05, weight_decay=0.02, lines="""
        conv1 = conv2d filters=4 kernel=3 stride=2 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=4 kernel=4x2 stride=3x2 padding=same
        tanh2 = tanh
        conv3 = conv2d filters=3 kernel=1 stride=2 padding=same
        flat = flatten
        fc = dense units=5
        out = softmax"""),
    "dilation": dict(input="12x9x2", n=3, lr=0.05, clip_norm=0.3, lines="""
        conv1 = conv2d filters=4 kernel=3 dilation=2 padding=2
        relu1 = leaky_relu slope=0.1
        conv2 = conv2d filters=3 kernel=2x3 dilation=3x2 padding=1x0 stride=2x1
        tanh2 = tanh
        conv3 = conv2d filters=3 kernel=3x2 dilation=2x3 padding=same
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "groups": dict(input="7x9x4", n=3, lr=0.05, momentum=0.5, weight_decay=0.01, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=1 groups=2
        relu1 = leaky_relu slope=0.3
        conv2 = conv2d filters=6 kernel=3 padding=same groups=6
        tanh2 = tanh
        conv3 = conv2d filters=12 kernel=3x2 stride=2 groups=6 bias=no
        relu3 = leaky_relu
        conv4 = conv2d filters=4 kernel=1 groups=4
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "maxpool": dict(input="13x11x2", n=4, lr=0.05, momentum=0.9, clip_norm=0.4, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        pool1 = maxpool size=3 stride=2 padding=1
        conv2 = conv2d filters=5 kernel=2 padding=same
        pool2 = maxpool size=2x3 stride=2 ceil=yes padding=0x1
        tanh2 = tanh
        pool3 = maxpool size=2x1 stride=3x2 ceil=yes
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "avgpool": dict(input="13x11x2", n=4, lr=1, momentum=0.9, nesterov=True, weight_decay=0.01, clip_norm=0.06,
                    lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        tanh1 = tanh
        pool1 = avgpool size=3 stride=2 padding=1
        conv2 = conv2d filters=5 kernel=2 padding=same
        pool2 = avgpool size=3x2 stride=2 ceil=yes padding=1
        tanh2 = tanh
        pool3 = avgpool size=2 stride=3 ceil=yes
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "global_pool": dict(input="6x5x3", n=2, lr=0.1, lines="""
        conv1 = conv2d filters=7 kernel=3
        relu1 = relu
        pool1 = avgpool size=4x3
        fc = dense units=3
        out = softmax"""),
    "residual": dict(input="6x7x3", n=3, lr=0.05, momentum=0.9, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        relu1 = relu
        conv2 = conv2d filters=4 kernel=3 padding=same
        relu2 = leaky_relu slope=0.1
        conv3 = conv2d filters=4 kernel=3 padding=same
        sum1 = add from=conv3,relu1
        relu3 = relu
        short = conv2d from=relu1 filters=5 kernel=1 stride=2
        conv4 = conv2d from=relu3 filters=5 kernel=3 stride=2 padding=1
        pool4 = avgpool from=conv1 size=2 ceil=yes
        wide4 = conv2d filters=5 kernel=1
        sum2 = add from=short,conv4,wide4
        tanh4 = tanh
        flat = flatten
        fc = dense units=4
        out = softmax"""),
    "deep_sigmoid": dict(input="5x5x2", n=4, lr=0.5, momentum=0.9, lines="""
        conv1 = conv2d filters=4 kernel=2 stride=1
        sig1 = sigmoid
        conv2 = conv2d filters=4 kernel=3 padding=2x1
        tanh2 = tanh
        flat = flatten
        fc1 = dense units=9
        sig3 = sigmoid
        fc2 = dense units=6
        relu3 = leaky_relu slope=0.5
        fc3 = dense units=3
        out = sigmoid"""),
    "binary_one": dict(input="4x3x2", n=5, lr=0.2, weight_decay=0.1, lines="""
        flat = flatten
        fc1 = dense units=8
        relu1 = relu
        fc2 = dense units=1
        out = sigmoid"""),
    "regression": dict(input="9x7x1", n=4, lr=0.05, momentum=0.9, nesterov=True, lines="""
        conv1 = conv2d filters=3 kernel=3 stride=2 padding=1
        tanh1 = tanh
        pool1 = maxpool size=2 ceil=yes
        flat = flatten
        fc = dense units=3
        out = linear"""),
    "batchnorm": dict(input="6x7x3", n=5, lr=0.05, momentum=0.9, weight_decay=0.01, lines="""
        conv1 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn1 = batchnorm
        relu1 = relu
        conv2 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn2 = batchnorm momentum=0.3 eps=0.01
        sum2 = add from=bn2,relu1
        relu2 = relu
        conv3 = conv2d filters=6 kernel=3 stride=2 padding=1 bias=no
        bn3 = batchnorm scale=no
        tanh3 = tanh
        bn4 = batchnorm from=sum2 shift=no
        conv4 = conv2d filters=6 kernel=1 stride=2 bias=no
        sum4 = add from=conv4,tanh3
        pool = globalavgpool
        fc1 = dense units=7 bias=no
        bn5 = batchnorm eps=0.1
        fc2 = dense units=4
        out = softmax"""),
    "smooth": dict(input="6x5x2", n=4, lr=0.05, momentum=0.5, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=same
        gelu1 = gelu
        conv2 = conv2d filters=4 kernel=3 padding=same
        gelu2 = gelu approximate=tanh
        conv3 = conv2d filters=4 kernel=3 padding=same
        silu3 = silu
        both = concat from=gelu1,silu3,input
        conv4 = conv2d filters=6 kernel=3
        elu4 = elu alpha=0.7
        pool = globalavgpool
        fc = dense units=3
        out = softmax"""),
    "norms": dict(input="7x6x3", n=3, lr=0.05, momentum=0.9, weight_decay=0.02, lines="""
        conv1 = conv2d filters=8 kernel=3 padding=same
        gn1 = groupnorm groups=4
        relu1 = leaky_relu slope=0.2
        lrn1 = lrn size=5 alpha=0.5 beta=0.75 k=2
        conv2 = conv2d filters=6 kernel=3 stride=2
        gn2 = groupnorm groups=2 affine=no eps=0.001
        lrn2 = lrn size=4 alpha=0.3
        scale2 = scale factor=0.5 learned=yes
        conv3 = conv2d filters=6 kernel=1 bias=no
        gn3 = groupnorm groups=6
        drop3 = dropout2d rate=0
        tanh3 = tanh
        scale3 = scale factor=-1.5
        flat = flatten
        fc = dense units=3
        out = softmax"""),
    "residual_batchnorm": dict(input="7x6x3", n=4, lr=0.05, momentum=0.9, weight_decay=0.01, lines="""
        stem = conv2d filters=3 kernel=3 padding=1 bias=no
        stembn = batchnorm
        relu0 = relu
        conv1 = conv2d filters=3 kernel=3 padding=1 groups=3 bias=no
        bn1 = batchnorm
        relu1 = relu
        conv2 = conv2d filters=3 kernel=3 padding=1 bias=no
        bn2 = batchnorm scale=no
        sum2 = add from=bn2,relu0
        relu2 = relu
        down = conv2d filters=5 kernel=1 stride=2 bias=no
        downbn = batchnorm
        conv3 = conv2d from=relu2 filters=5 kernel=3 stride=2 padding=1 bias=no
        bn3 = batchnorm shift=no
        sum3 = add from=bn3,downbn
        relu3 = relu
        conv4 = conv2d filters=5 kernel=3 padding=1 bias=no
        bn4 = batchnorm eps=0.01
        conv5 = conv2d from=relu3 filters=5 kernel=1 bias=no
        sum4 = add from=relu3,bn4,conv5
        pool = globalavgpool
        fc = dense units=4
        out = softmax"""),
    "flat_input": dict(input="1x1x13", n=7, lr=0.1, clip_norm=0.05, lines="""
        fc1 = dense units=11
        tanh1 = tanh
        fc2 = dense units=11
        sum = add from=fc2,tanh1
        fc3 = dense units=2
        out = linear"""),
}

# Samples blended in pairs, the i-th with the i-th from the end, in images and labels (mixup).
NETWORKS["mixup"] = dict(input="6x7x2", n=5, lr=0.05, momentum=0.5, share=0.7, lines="""
        conv1 = conv2d filters=6 kernel=3 padding=same
        relu1 = relu
        flat = flatten
        fc = dense units=4
        out = softmax""")
NETWORKS["mixup_smoothed"] = {**NETWORKS["mixup"], "share": 0.625, "label_smoothing": 0.25}

# The optimizers that PyTorch has, on one network.
OPTIMIZED = dict(input="6x7x2", n=4, lines="""
        conv1 = conv2d filters=4 kernel=3 padding=same
        tanh1 = tanh
        conv2 = conv2d filters=3 kernel=2 stride=2
        sig2 = sigmoid
        flat = flatten
        fc = dense units=4
        out = softmax""")
for _name, _settings in {
        "adam": dict(lr=0.01, optimizer="adam", weight_decay=0.02),
        "adam_betas": dict(lr=0.02, optimizer="adam", beta1=0.7, beta2=0.9, eps=1e-3, clip_norm=0.2),
        "adamw": dict(lr=0.01, optimizer="adamw", weight_decay=0.5),
        "rmsprop": dict(lr=0.002, optimizer="rmsprop", weight_decay=0.02),
        "rmsprop_momentum": dict(lr=0.002, optimizer="rmsprop", momentum=0.8, alpha=0.7, eps=1e-3)}.items():
    NETWORKS[_name] = {**OPTIMIZED, **_settings}
