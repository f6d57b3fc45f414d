"""The built-in story engine: rule-based, not an AI model; its own texts, in English, a folder for each genre."""
