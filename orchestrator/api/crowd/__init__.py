"""What a thousand people do in the same second: admitted a hundred at a time, and answered from shared transactions."""
