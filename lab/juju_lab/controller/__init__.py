"""The controller: the model's state, the rules, and the daemon that carries them out."""
