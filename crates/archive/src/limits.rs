//! Limits of the archive. Readers refuse what exceeds them before allocating; writers never produce it.

/// Content of one raw frame. Bounds what a damaged frame takes with it, and what `zstd -d` buffers.
pub const RAW_FRAME_CONTENT: u64 = 64 << 20;
/// Content of one block: the largest a zstd block may have.
pub const BLOCK: u64 = 128 << 10;
/// Content of one compressed frame: small enough to compress in parallel, large enough to compress well.
pub const COMPRESSED_FRAME_CONTENT: u64 = 2 << 20;
/// Largest compressed form read for one such frame, trailer included: zstd's bound for incompressible content is below 1 % more.
pub const COMPRESSED_FRAME_LENGTH: u64 = COMPRESSED_FRAME_CONTENT + (64 << 10);
/// Room after the head, so that a seal can be added or an image dropped without moving a blob.
pub const SLACK: u64 = 32 << 10;
/// The trust section starts at a multiple of this: the page size of every common file system.
pub const HEAD_ALIGNMENT: u64 = 4096;
/// Largest `bundle.json`: 500,000 blobs take about 55 MB.
pub const MAX_INVENTORY: u64 = 64 << 20;
pub use bundle_inventory::MAX_BLOBS;
/// Largest `index.json`: one descriptor a manifest, like the inventory.
pub const MAX_INDEX: u64 = 64 << 20;
/// Largest seal, key or `oci-layout`.
pub const MAX_SMALL_FILE: u64 = 1 << 20;
/// Most entries of the head: keys are few.
pub const MAX_HEAD_ENTRIES: usize = 1024;
/// Largest head region: inventory and index as they are, incompressible, with everything else.
pub const MAX_HEAD: u64 = MAX_INVENTORY + MAX_INDEX + (16 << 20);
/// Trust section, all entries together: what a streaming reader may have to hold.
pub const MAX_TRUST_SECTION: u64 = 512 << 20;
/// A layer of a signature or attestation above this is cargo, not evidence.
pub const MAX_TRUST_BLOB: u64 = 32 << 20;
/// Compression level of blobs that were not compressed: on layers of system files, level 1 ran 1.3 to 2 times as fast
/// as level 3 and came out 6 to 10 % longer, and compressing is what a pack's time then goes to.
pub const LEVEL: i32 = 1;
/// Blobs below this are stored raw whatever they are: compressing them saves less than finding them costs.
pub const RAW_BELOW: u64 = 64 << 10;
/// One read or write of file content.
pub const IO_PIECE: usize = 256 << 10;
/// Write-back of the archive is started every so many bytes, so that the final sync has little left to do.
pub const WRITE_BACK: u64 = 8 << 20;
/// Smallest size of a volume: its frames still hold whole blocks.
pub const MIN_VOLUME: u64 = 1 << 20;
/// Most volumes of a bundle: names have three digits.
pub const MAX_VOLUMES: usize = 999;
/// Most frames of a bundle: 256 TiB in raw ones, 8 TiB of content in compressed ones. Bounds what a hostile size costs:
/// opening takes up to 60 bytes for each frame that is there, and a frame of one repeated byte has 94.
pub const MAX_FRAMES: u64 = 1 << 22;
/// Most frames of a head: one for each of its entries and for each 2 MiB. Without it the smallest ones, of a byte each,
/// take half as much memory as the file has bytes.
pub const MAX_HEAD_FRAMES: usize = 2048;
/// Largest plan in a journal: the head as text, one line a blob with where it comes from.
pub const MAX_PLAN: u64 = MAX_HEAD + (128 << 20);
/// Longest line of a journal behind the plan: two numbers, or a digest.
pub const MAX_CLAIM_LINE: u64 = 256;
/// Most of a journal that is read. A claim has 40 bytes and stands for [`CLAIM`]: 64 TiB and more.
pub const MAX_JOURNAL: u64 = 4 << 30;
/// A claim is written for every so many bytes of a blob: little to fetch again, and nothing to write.
pub const CLAIM: u64 = 1 << 20;
/// Base-2 logarithm of the largest window of an archive that another tool compressed: what the zstd command reads
/// without being told to take more memory (`zstd --long=27`).
pub const RECOMPRESSED_WINDOW_LOG: u32 = 27;
/// Content that head and trust section may have for each byte of what they were compressed to: what is held of a stream
/// goes by what has come. Digests and signatures, which fill them, shrink to a quarter.
pub const MAX_EXPANSION: u64 = 32;
/// Content that they may have whatever they were compressed to.
pub const FREE_EXPANSION: u64 = 16 << 20;
/// Zeros after the end of an archive that is read in order: tapes and `tar` fill up their last record, of which 1 MiB is
/// the longest in common use.
pub const MAX_RECORD: u64 = 1 << 20;
