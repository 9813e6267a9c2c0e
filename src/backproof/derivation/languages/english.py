"""The English words: every title, reason and source by its key. A translation is another module like this one."""

REASONS: dict[str, str] = {
    # titles
    "title": "Backpropagation in this network of {layers:one function|{layers} functions}",
    "title_composition": "The composition",
    "title_layers": "The differential of every layer",
    "title_layer": "Layer {label}: {name}",
    "title_gradient": "The gradient as a product of Jacobians",
    "title_delta": "The recursion for delta, in numbers",
    "title_loss": "The loss: {name}",
    "title_batch": "The batch form, {examples} {examples:example|examples at once}",
    "title_induction": "The induction proof for depth {depth}",
    "title_cost": "What the order of multiplication costs",
    "title_papers": "Where the two papers stand",
    # composition
    "composition_intro": "A network is a composition of functions. Vectors are columns, and an example with several "
    "axes is read as one vector in row-major order. A Jacobian has a row for every output, a column for every input.",
    "convention_ours": "Notation: layer l takes x with index l-1 to x with index l; A is its Jacobian in its input and "
    "B in its parameters; delta is the Jacobian of the loss, a row.",
    "convention_D": "Notation after [D]: an affine map is W^T a + b, so W here is the transpose of the stored array; z "
    "is what an affine map gives, a anything else, J a Jacobian. The number in square brackets counts every function.",
    "convention_O": "Notation in the manner of [O]: an affine map is one augmented matrix applied to (x; 1); h is a "
    "potential, a an activation, J a Jacobian. The letters are ours.",
    "convention_vec_row": "vec stacks the rows of a matrix, as the code does: {rule}.",
    "convention_vec_column": "vec stacks the columns of a matrix, as the literature does: {rule}.",
        "function": "{name}, {input} to {output}",
    "function_with": "{name}, {input} to {output}, {parameters:,} {parameters:parameter|parameters}",
    "composed": "all of them, one after the other",
    "fold_functions": "layers {first} to {last}: layers {start} to {end} again, {times} more {times:time|times}",
    # steps of differentials
    "take_differentials": "take differentials on both sides",
    "product_rule": "the product rule, d(XY) = dX Y + X dY",
    "product_rule_entries": "the product rule, entry by entry",
    "sum_rule": "d of a sum is the sum of the d",
    "quotient_rule": "the quotient rule",
    "inserted": "insert what was found above",
    "collected": "insert, and collect what multiplies the input's differential",
    "entry_by_entry": "d f(x) = f'(x) dx, entry by entry",
    "hadamard_is_diagonal": "entry by entry is by a diagonal matrix",
    "vec_row": "a column is its own vec; the rule for vec of a product, rows stacked",
    "vec_column": "a column is its own vec; the rule for vec of a product, columns stacked",
    "vec_row_transposed": "a column is its own vec; the rule for vec of a product, rows stacked",
    "vec_column_transposed": "a column is its own vec; the rule for vec of a product, columns stacked",
    "vec_inserted": "inserted: matrices times columns",
    "identify_A": "identified: the Jacobian in the input",
    "identify_A_kink": "identified: the Jacobian in the input, with the layer's own choice at the kinks",
    "identify_B": "identified: the Jacobian in the parameters",
    "theta_stacked": "the parameters as one column",
    "B_row": "their Jacobians side by side",
    "total_differential": "the total differential",
    "total_differential_no_theta": "the total differential, no parameters",
    # affine
    "definition_affine": "the affine-linear potential",
    "definition_augmented": "the affine-linear potential, the bias as a last column that meets a 1",
    "augmented_parts": "its parts",
    "bias_column_dropped": "the 0 meets the last column, which drops out",
    # elementwise
    "definition_elementwise": "applied to every entry",
    "kinks": "At a kink there is no derivative; there the layer chooses a value, as PyTorch does.",
    "kinks_met": "This example lies exactly on kinks, where there is no derivative and the layer chooses a value: "
    "{places}.",
    "kink_at": "layer {label}, {name}, {count:entry|entries} {entries} of {state}",
    "kink_more": "and {count} more {count:layer|layers}",
    "entries_more": "{entries} and {count} more",
    # normalisation
    "mean": "the mean",
    "centred": "without the mean",
    "deviation": "the root of the variance and eps",
    "root_mean_square": "the root of the mean square and eps",
    "normalised": "normalised",
    "centred_moves": "the mean is linear",
    "root_moves": "the chain rule for the root",
    "mean_free": "the normalised entries sum to 0, so the mean's part drops out",
    "definition_norm": "gain and shift, where the layer has them",
    # softmax
    "exponentials": "the exponentials",
    "exponentials_shifted": "the exponentials; a common shift changes no share and keeps them finite",
    "partition": "their sum",
    "definition_softmax": "shares of the sum",
    "definition_log_softmax": "the logarithms of the shares",
    "exponential_moves": "the exponential is its own derivative",
    "sum_moves": "d of a sum is the sum of the d",
    "log_moves": "d log s = ds / s",
    "softmax_itself": "the softmax",
    # shaping
    "definition_shape": "the same entries in the same order",
    "linear_map": "nothing happens to the vector",
    "definition_dropout_off": "evaluation, as after training: nothing is dropped",
    "definition_dropout": "the mask of this training step: 0, or 1 / (1 - p)",
    # combinators
    "definition_chain": "the parts, one after the other",
    "last_part": "the last part's output",
    "part_moves": "the part's total differential",
    "step_moves": "the step's total differential",
    "part_inserted": "insert the parts' total differentials",
    "insert_backwards": "{last:The differential is that of the one part.|Insert the differentials of the parts into "
    "one another, from the last to the first.}",
    "definition_shared": "the same function with the same parameters again and again",
    "shared_sum": "{times:There is one step.|All steps have the same d theta, so what multiplies it is added up.}",
    "definition_residual": "the input, and what the part adds to it",
    "definition_sum": "the branches added",
    "definition_product": "the branches multiplied, entry by entry",
    "definition_concatenate": "the branches' outputs on top of one another",
    "stacked_moves": "d of a stack is the stack of the d",
    "places": "The layer acts at each of {places} {places:place|places} of the example by itself, on {size} "
    "{size:number|numbers}; the index after the comma is the place. Derived at the first:",
    "places_stacked": "the places, one after the other",
    "places_together": "All places alike: what happens at one stays at that place, and all share the parameters.",
    "no_rule": "No symbolic derivation is registered for {name}: its Jacobians are those that the layer gives.",
    "stated": "as the layer states it",
    "given_A": "the Jacobian in the input, as the layer gives it",
    "given_B": "the Jacobian in the parameters, as the layer gives it",
    # folding
    "fold_same": "layers {first} to {last}: the same as layer {like} ({name}), with their own sizes and numbers",
    "fold_block": "layers {first} to {last}: the same as layers {start} to {end} ({names}) in turn, with their own "
    "sizes and numbers",
    "fold_one": "layer {label}: the same as layer {like} ({name}), with its own sizes and numbers",
    "fold_steps": "{more:step 2|steps 2 to {last}}: the same at the state before",
    "fold_products": "layers {first} to {last}: the same product, ending with their own Jacobian in the parameters",
    "fold_deltas": "layers {last} down to {first}: the same step with their own Jacobians",
    "fold_induction": "layers {last} down to {first}: the same step",
    # numbers
    "structure_other": "{name}",
    "figure_norm": "norm {norm}",
    "figure_share": "{share} % not zero",
    # loss
    "loss_guessed": "No loss was given; for these targets {name} was taken.",
    "no_targets": "No targets were given, so there is no loss and no gradient to derive: give y, and a loss.",
    "no_loss_rule": "No symbolic derivation is registered for {name}: its delta is the one that it gives.",
    "loss_cross_entropy": "cross-entropy on logits",
    "loss_binary": "binary cross-entropy on logits, summed over the outputs",
    "loss_squared": "half the squared distance",
    "loss_huber": "quadratic near the target, straight beyond the width",
    "loss_poisson": "the Poisson loss of a log rate",
    "loss_smoothing": "label smoothing {share}: of the given target t the share {share} is spread over all {n} entries",
    "target_mass": "the target's entries sum to 1",
    "difference": "the difference from the target",
    "loss_collected": "collect what multiplies the output's differential",
    "identify_delta": "identified: the loss's Jacobian in its input",
    # gradient
    "gradient_intro": "By the chain rule the Jacobian of a composition is the product of the Jacobians, the last "
    "function's first. Under every matrix stands its shape.",
    "gradient_product": "the gradient in layer {label}'s parameters",
    "gradient_input": "and in the input",
    "gradient_input_alone": "the gradient in the input; no layer has parameters",
    "gradient_stacked": "the whole gradient: the blocks side by side",
    # delta
    "title_example": "The numbers of example {example}",
    "example_input": "the input",
    "example_state": "the state after layer {label}",
    "example_target": "the target",
    "example_target_smoothed": "the target, smoothed by the loss",
    "example_loss": "the loss of this example",
    "fold_states": "layers {first} to {last}: their states likewise",
    "gradient_block": "delta times that Jacobian",
    "gradient_outer": "an outer product; shown as the matrix",
    "delta_branch": "a sum passes delta on to every branch",
    "delta_joint": "a product passes it on times the other branches' outputs",
    "delta_cut": "a stack cuts it into the branches' pieces",
    "delta_collected": "what comes back from the branches is added up",
    "delta_last_part": "the last part's output is the layer's",
    "delta_part": "delta times the part's Jacobian",
    "gradient_shared": "every step adds to the gradient of the shared parameters",
    "delta_step": "delta times the Jacobian of layer {label}",
    # batch
    "batch_intro": "One row for {examples:the one example|each of the {examples} examples}: capital letters are the "
    "matrices of these rows, and a number in braces names one.",
    "batch_reduction_mean": "The loss is the mean over the examples, so every row of the last Delta carries the factor "
    "1/{examples}.",
    "batch_reduction_sum": "The loss is the sum over the examples; every row of the last Delta is that example's own.",
    "batch_places": "the hat: the same entries in the same order, a row of {width} for each of the {places} places of "
    "every example, {rows} in all",
    "batch_places_again": "the hat again: {rows} rows of {width}",
    "batch_sum": "outer products added up: one product of matrices",
    "batch_affine": "every row times the same Jacobian",
    "batch_elementwise": "every row times its own diagonal",
    "batch_weight": "the rows' outer products added up",
    "batch_bias": "the rows added up",
    "batch_shape": "the rows as they are",
    "batch_each": "every row times its own Jacobian",
    "batch_theta": "the examples' gradients added up",
    "batch_rows": "Layer {label}, {name}: every example has its own Jacobian, so every row of Delta is multiplied by "
    "its own.",
    "batch_kinks": "{count} of the {examples} examples {count:lies|lie} exactly on a kink of a layer; there the layer "
    "chooses a value.",
    # induction
    "induction_hypothesis": "Hypothesis: at the values of this example every layer is differentiable in its input and "
    "its parameters, and the loss in its input.",
    "induction_smooth": "It holds: no layer here has a kink.",
    "induction_holds": "It holds: no input of a layer, as computed, lies on a kink.",
    "induction_fails": "It does not hold here, since the example lies on kinks of {places}: with the values chosen "
    "there, the products below are what the recursion computes, and need not be a gradient.",
    "induction_layer": "layer {label}",
    "induction_claim": "Claim(l), for l = {depth} down to 0: delta with index l is the Jacobian of the map that takes "
    "the state with index l through the layers after it to the loss.",
    "induction_map": "for l = 0 that map is the whole network and the loss",
    "induction_base": "base, l = {label}: by definition of delta",
    "induction_step": "Step: let Claim(l) hold. The chain rule gives the Jacobian of the map that starts one layer "
    "earlier, which is Claim(l-1); with the input of the layer held fixed it gives the gradient in its parameters.",
    "induction_chain_rule": "Claim({label}) gives Claim({before})",
    "induction_parameters": "and the gradient in its parameters",
    "induction_conclusion": "Conclusion: Claim(l) holds for all l from {depth} to 0. With the recursion inserted in "
    "itself, delta is the product of the Jacobians after its layer, and the gradient is the product below"
    "{layers:.|; for the other layers with parameters likewise.}",
    "induction_conclusion_input": "Conclusion: Claim(l) holds for all l from {depth} to 0. With the recursion inserted "
    "in itself, delta is the product of the Jacobians after its layer; no layer has parameters, and in the input the "
    "gradient is the product below.",
    # cost
    "cost_intro": "Every bracketing of the product gives the same matrix, not at the same cost. Counted are scalar "
    "multiplications for one example: a row times a diagonal matrix costs n, times a dense one m n, times an identity "
    "nothing. The terms stand in the order of the products, in long sums equal ones together.",
    "cost_needed": "Layer {label} is the first with parameters; delta before it, which none of them needs, is not "
    "counted.",
    "cost_no_parameters": "No layer has parameters, so there is no gradient in parameters to multiply out.",
    "cost_left": "from the left, prefix shared: backpropagation",
    "cost_algorithm_1": "the network's Jacobian first, {rows} {rows:row|rows}, and delta last: [D]'s Algorithm 1",
    "cost_apart": "from the left, every block by itself, nothing shared",
    "plan_left": "layer {label}'s product alone, from the left",
    "plan_right": "the same from the right",
    "plan_best": "the same in the cheapest bracketing",
    "plan_order": "which is this one",
    "plan_long_left": "The cheapest bracketing of these {factors} factors is the one from the left.",
    "plan_long": "The cheapest bracketing of these {factors} factors is too long to print; jacobian(...).plan has it.",
    # papers
    "papers_intro": "[D] is Damadi, Moharrer, Cham and Shen, arXiv:2301.09977; [O] is Ostwald and Usée, "
    "arXiv:2107.09384. What is known here of them is what their abstracts and [D]'s Algorithm 1 say; the rest of this "
    "text is our own reconstruction.",
    "papers_composition": "Composition: [D] takes a network as a composite of vector-valued functions; so do we.",
    "papers_differentials": "Differentials: [O] works inside matrix differential calculus (Magnus and Neudecker), with "
    "affine-linear potentials; the steps from differential to vec to Kronecker are ours in that manner.",
    "papers_product": "Product: [D] writes the gradient as the product of the layers' Jacobian matrices.",
    "papers_recursion": "Recursion: [O] proves it by induction; the proof above is our reconstruction, not its text.",
    "papers_batch": "Batch: [O] gives the algorithm in matrix form as code; the batch form above is ours.",
    "papers_cost": "Cost: [D]'s Algorithm 1 assembles the network's Jacobian and multiplies by the loss's gradient "
    "last.",
}  # fmt: skip

SOURCES: dict[str, str] = {
    "affine": "docs/mathematics, layers; [O], affine-linear potential functions",
    "affine_D": "[D], W^T a + b",
    "affine_O": "[O], affine-linear potential functions; augmented",
    "algorithm_1": "[D], Algorithm 1",
    "batch": "docs/mathematics, notation: batches",
    "composition": "[D], a network as a composite of functions",
    "elementwise": "docs/mathematics, layers: elementwise",
    "induction": "in the manner of [O]; our reconstruction",
    "loss": "docs/mathematics, losses",
    "norm": "docs/mathematics, layers: normalisation",
    "product": "docs/mathematics, layers: elementwise product",
    "residual": "docs/mathematics, layers: residual",
    "shaping": "docs/mathematics, layers: constant maps",
    "shared": "docs/mathematics, layers: shared weights",
    "softmax": "docs/mathematics, layers: softmax",
    "sum": "docs/mathematics, layers: sum and concatenation",
    "theorem": "docs/mathematics, the theorem; [D], the gradient as a product of Jacobians",
    "total": "[D], total derivative of a layer",
    "vec": "docs/mathematics, notation: vec; Magnus and Neudecker",
}
