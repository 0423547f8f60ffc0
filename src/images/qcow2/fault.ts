// Why a qcow2 image is refused, with the remedy for each reason.

import type { WireFault } from '../../net/byte-reader.ts';

const MAKE_WHOLE = 'combine both into one image: qemu-img convert -O qcow2 FILE whole.qcow2';
const CONVERT = 'convert it: qemu-img convert -O qcow2 FILE converted.qcow2';
const REPAIR = 'repair it: qemu-img check -r all FILE';
const DAMAGED = 'it is damaged or cut short: copy it again, or see what `qemu-img check FILE` says';

/** The problem and the remedy for each field of the format. */
const REASONS = {
  header: ['its header is incomplete', DAMAGED],
  magic: ['it does not begin as a qcow2 image', DAMAGED],
  version: ['its format version is neither 2 nor 3', CONVERT],
  backing_file_offset: ['it contains only the differences from another image, its backing file', MAKE_WHOLE],
  cluster_bits: ['its clusters have a size that the format does not allow', DAMAGED],
  size: ['it would fill more than 2 TiB of a disk', 'use an image that fits on a disk'],
  crypt_method: [
    'it is encrypted',
    'convert it with its key: qemu-img convert -O qcow2 --object secret,… --image-opts …',
  ],
  l1_size: ['its L1 table is too small for its disk', DAMAGED],
  l1_table_offset: ['its L1 table is at an impossible offset', DAMAGED],
  'dirty bit': ['it was not closed properly, or is in use', REPAIR],
  'corrupt bit': ['it is marked as corrupt', REPAIR],
  'external data file bit': ['its data is in another file', MAKE_WHOLE],
  incompatible_features: ['it has features that Rackboot does not know', CONVERT],
  header_length: ['its header has a length that the format does not allow', DAMAGED],
  compression_type: ['it is compressed in a way that Rackboot does not know', CONVERT],
  'L1 table': ['its L1 table is incomplete', DAMAGED],
  'L1 entry': ['an entry of its L1 table is wrong', DAMAGED],
  'L2 table': ['one of its L2 tables is not inside the file', DAMAGED],
  'L2 entry': ['an entry of an L2 table is wrong', DAMAGED],
  'subcluster bitmap': ['the subclusters of an L2 entry contradict each other', DAMAGED],
  cluster: ['one of its clusters is not inside the file', DAMAGED],
  'compressed cluster': ['a compressed cluster does not expand to one cluster', DAMAGED],
  clusters: ['it uses parts of the file more than once', CONVERT],
} as const satisfies Readonly<Record<string, readonly [what: string, remedy: string]>>;

/** A fault in a qcow2 image; `offset` is the field's offset in the file. */
export interface Qcow2Fault extends WireFault {
  readonly field: keyof typeof REASONS;
}

/** A value of a qcow2 image, or the fault that prevented it. */
export type Qcow2Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Qcow2Fault };

export const qcow2Value = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
export const qcow2Fault = (
  code: Qcow2Fault['code'],
  offset: number,
  field: Qcow2Fault['field'],
): Qcow2Decoded<never> => ({ ok: false, fault: { code, offset, field } });

/** A fault for people, with its field, offset and remedy. */
export function describeQcow2Fault({ field, offset }: Qcow2Fault): string {
  const [what, remedy] = REASONS[field];
  return `${what} (${field} at byte ${offset}): ${remedy}`;
}
