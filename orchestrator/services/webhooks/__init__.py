"""RealtimeKit's webhooks: registering them, and applying what they say."""
