(* -------------------------------------------------------------------------- *)
(* What the theorems rest on                                                  *)
(*                                                                            *)
(* All main theorems, in two tuples, so that Coq searches their proofs for    *)
(* axioms once and not once a theorem. [theorems_of_analysis] may rest on     *)
(* MathComp Analysis' three classical axioms (propositional and functional    *)
(* extensionality, constructive indefinite description) and on nothing else;  *)
(* [theorems_of_counting], on costs and plans, on nothing at all. The script  *)
(* check_assumptions.sh reads what is printed here.                           *)
(* -------------------------------------------------------------------------- *)
From backproof Require Import jacobian network theorem affine convolution elementwise softmax
  losses combinators normalization parts bracketing cost algorithm1 planner instance
  certificate program program_correct rational.

Definition theorems_of_analysis := (
  (* jacobian *)
  @identification,
  @jacobian_unique,
  @jacobian_first_order,
  @Jacobian_trmx,
  @chain_rule,
  @gradient_identification,
  (* network, theorem *)
  @backward_is_product,
  @backpropagation_along_any_variation,
  @backpropagation_gives_input_jacobian,
  @backpropagation_gives_input_gradient,
  @backpropagation_gives_layer_jacobian,
  @backpropagation_gives_layer_gradient,
  @backpropagation_gives_joint_gradient,
  @backpropagation_gives_parameter_gradient,
  @backpropagation_gives_batch_gradient,
  @backpropagation_gives_shared_gradient,
  @network_jacobian_is_product,
  (* affine *)
  @linear_in_parameters_correct,
  @identity_kronecker_mul,
  @kronecker_identity_mul,
  @affine_correct,
  @column_affine_correct,
  @augmented_affine_correct,
  @linear_layer_correct,
  @affine_gradient,
  (* convolution *)
  @tied_correct,
  @convolution_correct,
  @convolution_B,
  @convolutionE,
  (* elementwise *)
  @elementwise_correct,
  @sigmoid_correct,
  @tanh_correct,
  @softplus_correct,
  @silu_correct,
  @relu_correct,
  @leaky_relu_correct,
  @relu_not_derivable_at_0,
  @is_derive_clip,
  (* softmax, losses *)
  @softmax_correct,
  @log_softmax_correct,
  @cross_entropy_gradient,
  @cross_entropy_is_product,
  @cross_entropy_class_gradient,
  @separable_loss_gradient,
  @squared_error_gradient,
  @binary_cross_entropy_gradient,
  @poisson_loss_gradient,
  @mean_loss_gradient,
  (* combinators, normalization *)
  @residual_correct,
  @residual_function_correct,
  @sum_layers_correct,
  @compose_correct,
  @concatenate_correct,
  @product_functions_correct,
  @block_correct,
  @function_block_correct,
  @layer_norm_correct,
  @layer_norm_A,
  @rms_norm_correct,
  (* parts *)
  @scale_correct,
  @sum_layer_function_correct,
  @product_layers_correct,
  @product_layer_function_correct,
  @concatenate_functions_correct,
  @concatenate_layer_function_correct,
  @concatenate_function_layer_correct,
  @shared_correct,
  @clip_correct,
  @standardize_correct,
  @scaled_layer_norm_correct,
  @scaled_rms_norm_correct,
  (* algorithm1 *)
  @algorithm1_gives_layer_gradient,
  (* instance *)
  @sigmoid_network_input_gradient,
  @sigmoid_network_layer_gradient,
  @sigmoid_network_joint_gradient,
  @tanh_classifier_layer_gradient,
  @relu_network_layer_gradient,
  (* certificate *)
  @certified_layer_gradient,
  @certified_input_gradient,
  @certified_batch_gradient,
  (* program, program_correct, rational *)
  @program_is_backpropagation,
  @program_value_and_gradients,
  @program_gives_gradient,
  @rational_run_agrees).

Print Assumptions theorems_of_analysis.

Definition theorems_of_counting := (
  (* cost, planner *)
  @any_bracketing_gives_same_product,
  @recursion_is_left_first,
  @recursion_counted_value,
  @recursion_counted_cost,
  @recursion_cost_linear_in_depth,
  @bracketing_cost_bound,
  @left_first_is_optimal_for_one_row,
  @left_first_not_optimal_at_width_1,
  @left_first_not_optimal_for_jacobians,
  @algorithm1_same_gradient,
  @algorithm1_counted_cost,
  @algorithm1_cost_compared,
  @plan_is_plan,
  @plan_cost_is_its_cost,
  @plan_is_optimal,
  @plan_beats_bracketings,
  @splits_tried_bound).

Print Assumptions theorems_of_counting.
