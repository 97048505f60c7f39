"""Dropout of units, of channels and of residual branches, and noise on inputs."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="dropout-definition",
        topic="dropout",
        claim="Dropout sets activations to zero at random with probability p in training and scales the rest by "
        "1/(1-p), so that nothing has to change at inference (inverted dropout, the usual form).",
        scope="training mode only",
        source="Srivastava et al. 2014",
        strength="strong",
        check="technique:dropout",
        subjects=("dropout",),
    ),
    Rule(
        id="dropout-usual-rates",
        topic="dropout",
        claim="Usual rates are 0.1 to 0.3 after convolutions and 0.3 to 0.5 in fully connected layers.",
        scope="starting points from scratch; less with other regularizers or when fine-tuning",
        source="Srivastava et al. 2014",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("dropout",),
        regime="scratch",
    ),
    Rule(
        id="dropout-ensemble-effect",
        topic="dropout",
        claim="Dropout acts like averaging exponentially many sub-networks that share their weights. For one "
        "softmax layer the scaled network is exactly their normalized geometric mean; for deep networks it "
        "is an approximation.",
        scope="an interpretation; exact only for simple models",
        source="Srivastava et al. 2014; Baldi & Sadowski 2013",
        strength="moderate",
        check="test:tests/knowledge/test_claims.py::test_one_softmax_layers_full_network_is_the_geometric_mean_of_its_sub_networks",
        subjects=("dropout", "mc_dropout"),
    ),
    Rule(
        id="dropout-gain-depends-on-data-size",
        topic="dropout",
        claim="The gain from dropout rises with the number of examples, then falls again: too few examples are "
        "memorized through the noise, and plenty leave nothing to prevent.",
        scope="fixed model, varying training size",
        source="Srivastava et al. 2014",
        strength="moderate",
        check="recipe:careful-dropout-on-tiny-data",
        subjects=("dropout",),
        size="small",
    ),
    Rule(
        id="dropout-before-batch-norm",
        topic="dropout",
        claim="Dropout in front of batch normalization shifts the variance between training and inference; put it "
        "after the last normalization, before the classifier, or leave it out.",
        scope="networks with batch normalization",
        source="Li et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_dropout_before_batch_norm_shifts_the_variance",
        subjects=("dropout",),
    ),
    Rule(
        id="spatial-dropout-drops-channels",
        topic="dropout",
        claim="Spatial dropout removes whole feature maps, which suits convolutions, whose neighbouring "
        "activations carry nearly the same information.",
        scope="convolutional layers",
        source="Tompson et al. 2015",
        strength="moderate",
        check="technique:spatial_dropout",
        subjects=("spatial_dropout", "dropout"),
        modalities=("image", "sequence"),
    ),
    Rule(
        id="dropout-weak-in-convolutions",
        topic="dropout",
        claim="Element-wise dropout inside convolutional layers does little, because the network rebuilds a "
        "dropped activation from its neighbours.",
        scope="convolutional feature maps; dropout after pooling and flattening is not affected",
        source="Tompson et al. 2015; Ghiasi et al. 2018",
        strength="moderate",
        check="test:tests/knowledge/test_claims.py::test_a_dropped_activation_is_rebuilt_from_its_neighbours",
        subjects=("dropout", "spatial_dropout"),
        modalities=("image",),
    ),
    Rule(
        id="stochastic-depth-definition",
        topic="dropout",
        claim="Stochastic depth (DropPath) skips whole residual branches at random, the deeper ones more often on "
        "a linear scale.",
        scope="networks with residual branches",
        source="Huang et al. 2016",
        strength="strong",
        check="technique:stochastic_depth",
        subjects=("stochastic_depth",),
    ),
    Rule(
        id="stochastic-depth-usual-rates",
        topic="dropout",
        claim="Stochastic depth is what deep residual networks and vision transformers are usually regularized "
        "with; final rates are 0.1 to 0.4, more for deeper models and less data.",
        scope="training from scratch",
        source="Huang et al. 2016; Touvron et al. 2021",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("stochastic_depth",),
        regime="scratch",
    ),
    Rule(
        id="stochastic-depth-speed",
        topic="dropout",
        claim="Stochastic depth saves time only when a branch is dropped for the whole batch; the per-example "
        "form that torchvision and timm use computes every branch.",
        scope="training speed",
        source="Huang et al. 2016; source of torchvision and timm",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_per_sample_stochastic_depth_computes_every_branch",
        subjects=("stochastic_depth",),
    ),
    Rule(
        id="drop-block-definition",
        topic="dropout",
        claim="DropBlock blanks contiguous squares of a feature map, so that what is dropped cannot be rebuilt "
        "from its neighbours; its rate is raised slowly during training.",
        scope="convolutional feature maps larger than the block",
        source="Ghiasi et al. 2018",
        strength="strong",
        check="technique:drop_block",
        subjects=("drop_block", "spatial_dropout"),
        modalities=("image",),
    ),
    Rule(
        id="input-noise-definition",
        topic="dropout",
        claim="Gaussian noise on the inputs in training is the simplest augmentation, and often the only one for "
        "tables and sensor data. Scale it to each feature's standard deviation.",
        scope="real-valued inputs",
        source="Bishop 1995",
        strength="moderate",
        check="technique:input_noise",
        subjects=("input_noise",),
    ),
    Rule(
        id="input-noise-is-tikhonov",
        topic="dropout",
        claim="For a linear model with squared error, input noise of variance v is a ridge penalty of n * v in "
        "expectation; for networks it penalizes large derivatives with respect to the input.",
        scope="small noise",
        source="Bishop 1995",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_input_noise_equals_ridge_in_linear_regression",
        subjects=("input_noise", "weight_decay"),
    ),
    Rule(
        id="dropout-is-a-scaled-penalty",
        topic="dropout",
        claim="On the inputs of a linear model dropout is a ridge penalty with each weight scaled by its "
        "feature's second moment: rare, strongly predictive features are spared.",
        scope="linear and generalized linear models",
        source="Wager et al. 2013; Srivastava et al. 2014",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_dropout_on_inputs_is_a_ridge_penalty_scaled_by_second_moments",
        subjects=("dropout", "weight_decay"),
    ),
    Rule(
        id="r-drop-definition",
        topic="dropout",
        claim="R-Drop sends each batch through the network twice with different dropout masks and adds the "
        "symmetric KL divergence of the two predictions to the loss; it needs dropout and costs a second "
        "pass.",
        scope="classification and generation, mostly fine-tuned transformers",
        source="Liang et al. 2021",
        strength="moderate",
        check="technique:r_drop",
        subjects=("r_drop", "dropout"),
    ),
    Rule(
        id="dropout-in-recurrent-layers",
        topic="dropout",
        claim="Between time steps use one mask for the whole sequence; torch's LSTM drops only between stacked "
        "layers, so that its dropout does nothing in a single-layer LSTM.",
        scope="recurrent networks",
        source="Gal & Ghahramani 2016 (on recurrent networks); torch's documentation",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_dropout_of_a_single_layer_lstm_does_nothing",
        subjects=("dropout",),
        modalities=("sequence", "text"),
    ),
    Rule(
        id="dropout-off-in-single-pass-training",
        topic="dropout",
        claim="Where each example is seen once there is no gap to close: loss on the next batch, before its "
        "update, is test loss. Large language models are therefore often pre-trained without dropout.",
        scope="a single pass over the data",
        source="Nakkiran, Neyshabur & Sedghi 2021; Chowdhery et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_in_a_single_pass_the_next_batchs_loss_is_test_loss",
        subjects=("dropout",),
        size="large",
    ),
)
