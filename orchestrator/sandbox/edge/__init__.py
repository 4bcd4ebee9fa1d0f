"""What RealtimeKit's client SDK talks to: its two REST calls, its socket, and something that answers STUN.

No media flow. The client needs only the negotiation and the answered STUN requests to count as connected.
"""
