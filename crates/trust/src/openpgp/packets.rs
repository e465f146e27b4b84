//! Packets and nothing between them (RFC 9580 §4.2).

use pgp::composed::PacketBodyReader;
use pgp::packet::PacketHeader;
use pgp::types::Tag;
use std::io::Read as _;

/// A packet: its header, and its body with partial lengths joined.
pub(super) struct RawPacket {
    pub(super) header: PacketHeader,
    pub(super) body: Vec<u8>,
}

impl RawPacket {
    pub(super) fn tag(&self) -> Tag {
        self.header.tag()
    }

    /// The packet as what `read` makes of it, which must take all of its body.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(PacketHeader, &mut &[u8]) -> pgp::errors::Result<T>,
    ) -> Result<T, String> {
        let mut body = &self.body[..];
        let value = read(self.header, &mut body).map_err(|error| error.to_string())?;
        if body.is_empty() { Ok(value) } else { Err("is longer than its content".to_owned()) }
    }
}

/// Bytes are not a sequence of at most so many packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unframed {
    /// There are more.
    TooMany,
    /// A packet, counted from 1, has no valid header or is cut off.
    Broken { packet: usize, why: String },
}

/// Splits `bytes` into packets. What this returns is no larger than `bytes`.
pub(super) fn split(bytes: &[u8], most: usize) -> Result<Vec<RawPacket>, Unframed> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        if packets.len() == most {
            return Err(Unframed::TooMany);
        }
        let packet = next(&mut rest).map_err(|error| Unframed::Broken {
            packet: packets.len() + 1,
            why: error.to_string(),
        })?;
        packets.push(packet);
    }
    Ok(packets)
}

fn next(rest: &mut &[u8]) -> std::io::Result<RawPacket> {
    let header = PacketHeader::try_from_reader(&mut *rest)?;
    let mut body = Vec::new();
    PacketBodyReader::new(header, &mut *rest)?.read_to_end(&mut body)?;
    Ok(RawPacket { header, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Unframed> {
        split(bytes, 3).map(|packets| packets.into_iter().map(|packet| packet.body).collect())
    }

    #[test]
    fn bodies_of_every_kind_of_length_are_read() {
        let partial = [&[0xcb, 0xe9][..], &[7; 512], &[2, 8, 8]].concat();
        assert_eq!(bodies(&partial), Ok(vec![[&[7; 512][..], &[8, 8]].concat()]));
        let fixed = [0xb4, 2, b'a', b'b', 0xcd, 1, b'c'];
        assert_eq!(bodies(&fixed), Ok(vec![b"ab".to_vec(), b"c".to_vec()]));
        assert_eq!(bodies(&[0xa3, 1, 2, 3]), Ok(vec![vec![1, 2, 3]]));
        assert_eq!(bodies(b""), Ok(vec![]));
    }

    #[test]
    fn what_is_cut_off_or_no_packet_is_refused() {
        for (bytes, place) in [
            (&[0xb4, 3, b'a', b'b'][..], 1),
            (&[0xb4], 1),
            (&[0xb4, 1, b'a', 0x34], 2),
            (&[0xb4, 1, b'a', 0xb5, 0], 2),
            (&[0xcb, 0xe9, 7, 7], 1),
            (&[0xcb, 0xe0, 7, 1, 8], 1),
        ] {
            let broken = bodies(bytes).expect_err("broken");
            assert!(
                matches!(broken, Unframed::Broken { packet, .. } if packet == place),
                "{broken:?}"
            );
        }
        assert_eq!(bodies(&[0xb4, 0].repeat(4)), Err(Unframed::TooMany));
        assert_eq!(bodies(&[0xb4, 0].repeat(3)).map(|all| all.len()), Ok(3));
    }
}
