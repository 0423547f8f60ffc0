// The kinds of firmware that the doctor imitates when it asks a rack for an offer.

/** A kind of firmware. */
interface Firmware {
  readonly label: string;
  /** Option 93. */
  readonly architecture: number;
}

/** Each kind is probed as a machine of its own. */
export const FIRMWARE: readonly Firmware[] = [
  { label: 'BIOS', architecture: 0 },
  { label: 'UEFI amd64', architecture: 7 },
  { label: 'UEFI amd64 by HTTP', architecture: 16 },
  { label: 'UEFI arm64', architecture: 11 },
];
