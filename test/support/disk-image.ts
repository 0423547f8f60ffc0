// A disk image that an operator might upload.

const IMAGE_BYTES = 1024 * 1024;

/** A disk with one arbitrary partition. */
export function diskImage(): Buffer {
  const bytes = Buffer.alloc(IMAGE_BYTES, 'image');
  bytes.fill(0, 440, 510);
  bytes.writeUInt8(0x83, 450);
  bytes.writeUInt32LE(64, 454);
  bytes.writeUInt32LE(1024, 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}
