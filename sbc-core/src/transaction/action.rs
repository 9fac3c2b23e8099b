//! What the machines ask of their owner, the set.

/// Of a client machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAction {
    /// Nothing: the response is absorbed, or no timer fired.
    Nothing,
    /// Send the request again.
    SendRequest,
    /// Pass the response up.
    PassUp,
    /// Build the ACK of this refusal (RFC 3261 §17.1.1.3), send it, and pass the response up.
    SendAckAndPassUp,
    /// Send the ACK again; the response is absorbed.
    SendAck,
    /// Say that no final response came.
    TimedOut,
    /// Say that the request could not be sent.
    Failed,
}

/// Of a server machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerAction {
    /// Nothing: the message is absorbed, or no timer fired.
    Nothing,
    /// Send the response: the one given, or else the last one again, where there was one.
    SendResponse,
    /// Send 100 of our own accord.
    SendTrying,
    /// Say that the ACK of a refusal never came.
    AckMissing,
}
