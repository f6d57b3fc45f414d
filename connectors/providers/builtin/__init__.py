"""The built-in story engine: rule-based, not an AI model; its own texts, English, one genre (quiet fantasy)."""
