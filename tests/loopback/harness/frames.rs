//! The frames the tests send, built by hand: a second opinion on what the bytes are.

/// A terminal's frame: TPDU id `60`, destination, source, then whatever the message is.
pub fn tpdu(destination: u16, source: u16, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x60];
    frame.extend_from_slice(&destination.to_be_bytes());
    frame.extend_from_slice(&source.to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// Destination and source of a TPDU.
pub fn addresses(frame: &[u8]) -> (u16, u16) {
    (u16::from_be_bytes([frame[1], frame[2]]), u16::from_be_bytes([frame[3], frame[4]]))
}

/// What stands behind the TPDU.
pub fn message(frame: &[u8]) -> &[u8] {
    &frame[5..]
}

/// The answer of a host that exchanges the two addresses (vectors P6 and P7).
pub fn answer_swapped(request: &[u8], message: &[u8]) -> Vec<u8> {
    let (destination, source) = addresses(request);
    let mut answer = tpdu(source, destination, message);
    answer[0] = request[0];
    answer
}

/// The answer of a host that copies them unchanged (vectors P1 and P2).
pub fn answer_copied(request: &[u8], message: &[u8]) -> Vec<u8> {
    let mut answer = request[..5].to_vec();
    answer.extend_from_slice(message);
    answer
}

/// A station header of 46 bytes, flag and version `02`, and the message.
pub fn station(destination: &str, source: &str, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![46, 0x02];
    frame.extend_from_slice(format!("{:04}", 46 + message.len()).as_bytes());
    frame.extend_from_slice(format!("{destination:<11}{source:<11}").as_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(b"00000000\x0000000");
    frame.extend_from_slice(message);
    assert_eq!(frame.len(), 46 + message.len(), "the header has 46 bytes");
    frame
}

/// A message of `size` bytes that names its number in front and repeats a byte of its own behind,
/// so that a mixed or cut frame cannot look like a whole one.
pub fn numbered(number: u32, size: usize) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(size.max(4), (number % 251) as u8);
    message
}

/// The number of such a message, its filling checked.
pub fn number_of(message: &[u8]) -> u32 {
    let number = u32::from_be_bytes([message[0], message[1], message[2], message[3]]);
    assert!(message[4..].iter().all(|&byte| byte == (number % 251) as u8), "message {number} is not whole");
    number
}
