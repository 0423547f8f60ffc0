// Reads a file of captured datagrams: a packet capture, or payloads in hexadecimal digits.

import { type CapturedPacket, type CaptureFault, readCapture } from './capture-file.ts';
import { type HexPayload, readHexFile } from './hex-file.ts';

/** The largest file of hexadecimal digits, in bytes. */
const HEX_BYTES_MAX = 16 * 1024 * 1024;

export type CaptureInput =
  | {
      readonly kind: 'packets';
      readonly format: string;
      readonly packets: readonly CapturedPacket[];
      readonly fault: CaptureFault | undefined;
    }
  | { readonly kind: 'payloads'; readonly payloads: readonly HexPayload[] }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Recognises a file by its first bytes. */
export function readInput(bytes: Uint8Array): CaptureInput {
  if (bytes.length === 0) return { kind: 'unknown', reason: 'it is empty' };
  const capture = readCapture(bytes);
  if (capture !== undefined) return { kind: 'packets', ...capture };
  const beginning = Buffer.from(bytes.subarray(0, 512)).toString('latin1');
  if (/[^\x20-\x7e\s\x80-\xff]/.test(beginning) || bytes.length > HEX_BYTES_MAX) {
    return { kind: 'unknown', reason: 'it is not pcap, pcapng or hexadecimal digits' };
  }
  const hex = readHexFile(Buffer.from(bytes).toString('utf8'));
  if (!hex.ok) return { kind: 'unknown', reason: `line ${hex.line} is not hexadecimal` };
  if (hex.payloads.length === 0) return { kind: 'unknown', reason: 'it holds no payload' };
  return { kind: 'payloads', payloads: hex.payloads };
}
