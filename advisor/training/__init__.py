"""The training loop of the verifier: one plan in, one result out, the same bits every time."""
