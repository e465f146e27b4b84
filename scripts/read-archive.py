#!/usr/bin/env python3
"""Reads an archive of `bundle`: lists its images, and refuses it where it is damaged.

usage: read-archive.py FILE [FILE...]      one archive, or all volumes of one, in their order

Written from docs/spec/format.md alone, with Python 3.8 and zstd: a structural reader by place (1.3); numbers are sections.
It holds the head and a frame in memory. A seal is named, not verified. Exit status: 0 whole, 1 refused, 2 usage. Left
out of what a reader MUST: reading in order (10); finding and sorting volumes (9.4); of bundle.json the length of texts
and number and depth of values (6.1), references, rotation, GPG signatures, what decides nothing here (6.3 to 6.13).
"""
import functools, hashlib, itertools, json, os, re, struct, subprocess, sys
BLOCK, RAW_FRAME, COMPRESSED_FRAME, MAX_COMPRESSED_UNIT = 1 << 17, 64 << 20, 2 << 20, (2 << 20) + (64 << 10)  # 15
MAX_HEAD, MAX_HEAD_FRAMES, MAX_FRAMES, MAX_VOLUMES, MAX_ADDRESS = 144 << 20, 2048, 1 << 22, 999, (1 << 63) - 1
ZSTD, SKIPPABLE, MARKER, MAX = b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\x51\x2a\x4d\x18", (1 << 64) - 1
INVENTORY, SEAL, LAYOUT = "bundle.json", "bundle.sigstore.json", b'{"imageLayoutVersion":"1.0.0"}'  # 5
NAME = r"oci-layout|bundle(\.sigstore)?\.json|index\.json|(keys|ext)(/(?!\.\.?(/|\Z))[^/\0-\x1f\x7f-\x9f]+)+"  # 4.2
entry, raw = lambda size: 512 + size + -size % 512, lambda size: 14 + size + 3 * -(-size // BLOCK)  # 4.3, 3.1
cut = lambda length, most: (min(most, length - at) for at in range(0, length, most))  # 8.4
def demand(condition, complaint):
    if not condition:
        raise ValueError(complaint)
def zstd(option, frame):
    return subprocess.run(["zstd", "-q", option], input=frame, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
def xxh64(data):  # appendix B
    P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
    P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
    rot = lambda x, n: ((x << n) | (x >> (64 - n))) & MAX
    step = lambda a, v: rot((a + v * P2) & MAX, 31) * P1 & MAX
    join = lambda h, a: ((h ^ step(0, a)) * P1 + P4) & MAX
    long = lambda h, v: (rot(h ^ step(0, v), 27) * P1 + P4) & MAX
    part = lambda form, start, end: (v for v, in struct.iter_unpack(form, data[len(data) & ~start:len(data) & ~end]))
    lanes = [(P1 + P2) & MAX, P2, 0, -P1 & MAX]
    for values in struct.iter_unpack("<4Q", data[:len(data) & ~31]):
        lanes = [((x << 31) | (x >> 33)) * P1 & MAX for x in [(a + v * P2) & MAX for a, v in zip(lanes, values)]]
    h = functools.reduce(join, lanes, sum(map(rot, lanes, (1, 7, 12, 18))) & MAX) if len(data) >= 32 else P5
    h = functools.reduce(long, part("<Q", 31, 7), (h + len(data)) & MAX)
    h = functools.reduce(lambda h, v: (rot(h ^ (v * P1 & MAX), 23) * P2 + P3) & MAX, part("<I", 7, 3), h)
    h = functools.reduce(lambda h, v: rot(h ^ (v * P5 & MAX), 11) * P1 & MAX, part("B", 3, 0), h)
    h = (h ^ (h >> 33)) * P2 & MAX
    h = (h ^ (h >> 29)) * P3 & MAX
    return h ^ (h >> 32)

class Archive:  # its units in their order; volumes are read as if they were joined (9.5), and their ends compared
    def __init__(self, paths):
        self.number, self.begin, self.at, self.volume_size, self.bundle = 1, 0, 0, None, None
        self.paths, self.buffer, self.counts, self.listed = paths, bytearray(), [], 0
        self.ends = list(itertools.accumulate(map(os.path.getsize, paths)))
        self.pieces = (piece for path in paths for piece in iter(functools.partial(open(path, "rb").read, BLOCK), b""))
    def peek(self, length):
        while len(self.buffer) < length and (piece := next(self.pieces, b"")):
            self.buffer += piece
        return bytes(self.buffer[:length])
    def next_volume(self):  # 9.2, 9.3
        demand(len(self.paths) == 1 or self.at == self.ends[self.number - 1], "the volume ends behind its last unit")
        demand(self.number < MAX_VOLUMES and self.peek(1), f"volume {self.number + 1} is missing")
        self.begin, self.number, count = self.at, self.number + 1, self.peek(48)[44:]
        marker = MARKER + struct.pack("<I32sI", 56, self.bundle, self.number) + count + bytes(16)
        demand(self.read(64) == marker, f"wrong marker of volume {self.number}")
        self.counts.append(int.from_bytes(count, "little"))
    def read(self, length):  # one unit (8.3)
        if self.volume_size and self.at - self.begin + length > self.volume_size:
            self.next_volume()
        self.listed, unit = self.listed + 1, self.peek(length)
        demand(len(unit) == length and self.listed <= MAX_FRAMES + len(self.counts), "too short, or too many frames")
        del self.buffer[:length]
        self.at += length
        return unit
    def zeros(self, length):  # slack and holes: 3.4, 3.5
        unit = self.read(length)
        demand(unit[:8] == SKIPPABLE + struct.pack("<I", length - 8) and not any(unit[8:]), "wrong slack or hole")
    def raw_frame(self, size):  # 3.1
        frame = self.read(raw(size))
        blocks = [frame[at:min(at + BLOCK, len(frame) - 4)] for at in range(13, len(frame) - 4, BLOCK + 3)]
        parts = [(len(block) * 8 + (block is blocks[-1])).to_bytes(3, "little") + block for block in blocks]
        wanted = ZSTD + b"\x84\x38" + struct.pack("<I", size) + b"".join(parts) + frame[-4:]
        demand(frame == wanted and zstd("-t", frame).returncode == 0, "damaged raw frame")
        return b"".join(blocks)
    def compressed_frame(self, size):  # 3.2, 8.4
        before, moved = self.at - self.begin, bool(self.volume_size) and self.peek(4) in (b"", MARKER)
        moved and self.next_volume()
        data = self.peek(MAX_COMPRESSED_UNIT)
        single, kind = data[4] >> 5 & 1, data[4] >> 6
        at, last = 6 - single + (single, 2, 4, 8)[kind], False
        demand(data[:4] == ZSTD and data[4] & 0x1F == 4 and (single or data[5] <= 0x58), "wrong header of a frame")
        demand(int.from_bytes(data[6 - single:at], "little") + 256 * (kind == 1) == size, "wrong content size")
        while not last:
            block = int.from_bytes(data[at:at + 3], "little")
            last, kind, length = block & 1, block >> 1 & 3, block >> 3
            at += 3 + (1 if kind == 1 else length)
            demand(kind < 3 and length <= BLOCK and (length or last) and at + 20 <= len(data), "damaged frame")
        demand(data[at + 4:at + 20] == SKIPPABLE + struct.pack("<IQ", 8, xxh64(data[:at + 4])), "wrong trailer")
        demand(not moved or before + at + 20 > self.volume_size, "the volume before is truncated")
        frame = self.read(at + 20)[:-16]
        content = zstd("-d", frame).stdout if zstd("-t", frame).returncode == 0 else b""  # -t: no more than it states
        demand(len(content) == size, "damaged compressed frame")
        return content
    def end(self):  # 3.6, 3.7: behind the end frame lies nothing, or what has the length of a seek table and is a hint
        demand(not any(self.raw_frame(1024)), "wrong end of the tar")
        if self.volume_size and self.peek(1) and self.at - self.begin + 8 * self.listed + 17 > self.volume_size:
            self.next_volume()
        length, known = self.ends[-1] - self.at, (0, 8 * self.listed + 17)
        demand(length in known and len(self.paths) in (1, self.number), "neither nothing nor a seek table at the end")
        demand(self.counts == [0] * (self.number - 2) + [self.number] * (self.number > 1), "wrong count in a marker")

def header(name, size, mtime):  # 4.1
    number = lambda n: b"%011o\0" % n if n < 2**33 else b"\x80\0\0\0" + n.to_bytes(8, "big")
    slash = name.rfind(b"/", 0, 156) if len(name) > 100 else -1
    block = struct.pack("100s8s8s8s12s12s8sc100s6s2s80s155s12x", name[slash + 1:], b"0000644", b"0000000", b"0000000",
                        number(size), number(mtime), b" " * 8, b"0", b"", b"ustar", b"00", b"", name[:max(slash, 0)])
    return block[:148] + b"%07o\0" % sum(block) + block[156:]

def read_head(archive):  # 5: size and digest of each entry by its name, mtime, bundle.json
    tar, entries, at, mtime = bytearray(), {}, 0, None
    while (start := archive.peek(10))[:4] == ZSTD:
        size = int.from_bytes(start[6:], "little")
        demand(1 <= size <= min(COMPRESSED_FRAME, MAX_HEAD - len(tar)) and archive.listed < MAX_HEAD_FRAMES, "bad size")
        tar += archive.raw_frame(size)
    length = int.from_bytes(start[4:8], "little")
    demand(length <= MAX_HEAD and (archive.at + length + 8) % 4096 == 0, "no head, or a wrong length of its slack")
    archive.zeros(length + 8)
    while at < len(tar):
        block = bytes(tar[at:at + 512])
        name = b"/".join(part.rstrip(b"\0") for part in (block[345:500], block[:100]) if any(part)).decode()
        fields = block[124:136], block[136:148]
        size, time = (int.from_bytes(n[4:], "big") if n[0] & 128 else int(n[:11], 8) for n in fields)
        mtime = time if mtime is None else mtime
        demand(block == header(name.encode(), size, mtime) and re.fullmatch(NAME, name), f"wrong header at {at}")
        data, padding, at = tar[at + 512:at + 512 + size], tar[at + 512 + size:at + entry(size)], at + entry(size)
        demand(at <= len(tar) and not any(padding), f"the head ends inside {name}, or its padding is not zeros")
        small = size <= (64 << 20 if name in (INVENTORY, "index.json") else 1 << 20)
        demand(small and name not in entries and len(entries) < 1024, f"{name} is too long, twice, or one too many")
        entries[name] = size, "sha256:" + hashlib.sha256(data).hexdigest()
    demand(list(entries)[1:2] == [INVENTORY] and "index.json" in entries, "not the entries of a bundle")
    demand(tar[:1024] == header(b"oci-layout", 30, mtime) + LAYOUT.ljust(512, b"\0"), "wrong oci-layout")
    return entries, mtime, tar[1024 + 512:][:entries[INVENTORY][0]].decode()

def read_inventory(text, entries):  # 6; what is missing or of another type makes a LookupError, a TypeError and so on
    def members(pairs):
        demand(len(dict(pairs)) == len(pairs) <= 4096, "bundle.json: a key twice in an object, or too many members")
        return dict(pairs)
    inventory = json.loads(text, object_pairs_hook=members, parse_constant=int, parse_float=str)  # int refuses NaN
    major = re.fullmatch(r"([0-9]+)\.[0-9]+", inventory["formatVersion"])[1] if inventory["format"] == "bundle" else 0
    demand(int(major) == 1 and inventory.get("mustUnderstand", []) == [], "another format, or a newer program wrote it")
    images, blobs, holes, files = (inventory.get(name, []) for name in ("images", "blobs", "holes", "files"))
    attachments = [attachment for image in images for attachment in image.get("attachments", [])]
    before, sections = [hole["before"] for hole in holes], [blob["stored"] for blob in blobs]
    sizes, volume_size = {blob["digest"]: blob["size"] for blob in blobs}, inventory.get("volumeSize")
    totals = {"images": len(images), "attachments": len(attachments), "blobs": len(blobs), "bytes": sum(sizes.values())}
    listed = sorted((file["name"], (file["size"], file["digest"])) for file in files)
    numbers = before + list(totals.values()) + [item["size"] for item in blobs + holes + files + images + attachments]
    for what, right in {
            "number": all(type(number) is int and 0 <= number <= MAX for number in numbers),
            "volumeSize": volume_size is None or type(volume_size) is int and 1 << 20 <= volume_size <= MAX_ADDRESS,
            "totals": all(inventory["totals"][name] == total for name, total in totals.items()),
            "blobs": len(sizes) == len(blobs) <= 500000 and set(sections) <= {"trust", "raw", "compressed"},
            "order of blobs": sections == sorted(sections, reverse=True),  # trust, raw, compressed
            "trust section": sum(blob["size"] for blob in blobs if blob["stored"] == "trust") <= 512 << 20,
            "holes": before == sorted(before) and before[-1:] <= [len(blobs) - sections.count("compressed")],
            "images": len({image["source"] for image in images}) == len(images) <= 100000,
            "manifests": all(sizes[manifest["digest"]] == manifest["size"] for manifest in images + attachments),
            "files": sorted(item for item in entries.items() if item[0] not in (INVENTORY, SEAL)) == listed,
            "keys": {key["file"] for key in inventory["keys"]} <= set(entries)}.items():
        demand(right, f"bundle.json: wrong {what}")
    return inventory

def main(archive):
    entries, mtime, text = read_head(archive)
    inventory = read_inventory(text, entries)
    archive.bundle, archive.volume_size = bytes.fromhex(entries[INVENTORY][1][7:]), inventory.get("volumeSize")
    most, holes = (archive.volume_size or MAX) // 8 // BLOCK * BLOCK, inventory.get("holes", [])[::-1]
    demand(archive.at <= (archive.volume_size or MAX * (len(archive.paths) == 1)), "not cut, or too long a head")
    for number, blob in enumerate(inventory["blobs"] + [None]):  # 8.4
        while holes and holes[-1]["before"] == number:
            for size in cut(entry(holes.pop()["size"]), min(RAW_FRAME, most)):
                archive.zeros(raw(size))
        blob and read_blob(archive, blob, mtime, most)
    archive.end()
    print(*(f"image {ascii(image['source'])[1:-1]} {image['digest']}" for image in inventory["images"]), sep="\n")
    print("whole: bundle", entries[INVENTORY][1], "sealed (not verified)" if SEAL in entries else "not sealed")

def read_blob(archive, blob, mtime, most):  # 16.2
    wanted, left = header(b"blobs/sha256/" + blob["digest"][7:].encode(), blob["size"], mtime), blob["size"]
    digest, compressed = hashlib.sha256(), blob["stored"] == "compressed"
    for size in cut(entry(left), min(COMPRESSED_FRAME if compressed else RAW_FRAME, most)):
        content = archive.compressed_frame(size) if compressed else archive.raw_frame(size)
        demand(content.startswith(wanted), "wrong header of the entry of a blob")
        content, wanted = content[len(wanted):], b""
        digest.update(content[:left])
        demand(not any(content[left:]), "wrong padding of a blob")
        left -= min(left, len(content))
    demand("sha256:" + digest.hexdigest() == blob["digest"], "wrong digest of a blob")

if __name__ == "__main__":
    if len(sys.argv) < 2 or not all(map(os.path.isfile, sys.argv[1:])):
        sys.exit(print(__doc__.split("\n\n")[1], file=sys.stderr) or 2)
    reading = Archive(sys.argv[1:])
    try:
        main(reading)
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as error:
        sys.exit(f"refused: {reading.paths[:reading.number][-1]}, from {reading.at - reading.begin} on: {error}")
