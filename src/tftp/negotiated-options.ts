// The options of a transfer, negotiated before the first block. Sources: RFC 2347 (options), RFC 2348
// (blksize), RFC 2349 (timeout, tsize), RFC 7440 (windowsize).
//
// 1. An unknown option, or a value that is no number, is left out of the answer. A number outside
//    the range of its option ends the negotiation (RFC 2347: error 8), as tftpd-hpa and atftpd have
//    it.
// 2. Apart from `tsize`, no granted value exceeds the requested one. `timeout` is repeated exactly,
//    because RFC 2349 allows no other answer; above TIMEOUT_MS_MAX the server repeats a lost packet
//    sooner than agreed. The answer exceeds the request only by the digits of the size: three
//    octets for a file of 20 GB and the shortest request.
// 3. One window fits one segmented send of the kernel: at most 64 blocks and 65,507 bytes.

import { type Milliseconds, milliseconds } from '../ground/clock.ts';
import { DATA_HEADER_BYTES, type TftpOption } from './packet.ts';

/** Block size without the option (RFC 1350 §2). */
const BLOCK_BYTES_DEFAULT = 512;
/**
 * What a client may ask for (RFC 2348 "Blocksize Option Specification"; RFC 2349 "Timeout Interval
 * Option Specification"; RFC 7440 §3).
 */
const RANGES = { blksize: [8, 65_464], timeout: [1, 255], windowsize: [1, 65_535] } as const;
/**
 * The largest block that crosses an Ethernet of MTU 1500 unfragmented: 1500 less 20 (IPv4), 8 (UDP)
 * and 4 (TFTP).
 */
const BLOCK_BYTES_ETHERNET = 1468;
export const WINDOW_BLOCKS_MAX = 64;
/** The most bytes of a window, headers included: the largest UDP payload. */
export const WINDOW_BYTES_MAX = 65_507;
/** The first wait for an acknowledgement unless the client sets one, in milliseconds. */
const TIMEOUT_MS_DEFAULT = 1000;
/**
 * The longest wait that a client can set, in milliseconds: a packet is sent three times before the
 * transfer ends in silence.
 */
const TIMEOUT_MS_MAX = 20_000;

export interface NegotiatedOptions {
  /** Payload of each block but the last, in bytes. */
  readonly blockBytes: number;
  /** Blocks sent before an acknowledgement is awaited, 1 to WINDOW_BLOCKS_MAX. */
  readonly windowBlocks: number;
  /** The first wait; without `timeoutAsked` its upper limit. */
  readonly timeoutMs: Milliseconds;
  /** True if the client set the wait (RFC 2349): it is then kept exactly, up to TIMEOUT_MS_MAX. */
  readonly timeoutAsked: boolean;
  /**
   * Granted options in the order and spelling of the request; empty: send data at once, without an
   * answer (RFC 2347).
   */
  readonly granted: readonly TftpOption[];
}

/** The error text for a client with an option outside its range; undefined if none is. */
export function describeOptionFault(options: readonly TftpOption[]): string | undefined {
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const value = asked(options, name);
    if (value !== undefined && (value < low || value > high)) return `${name} must be ${low} to ${high}`;
  }
  return undefined;
}

/**
 * @param options within their ranges (`describeOptionFault`)
 * @param sizeBytes for `tsize`
 * @param blockBytesMax the largest block that the path carries unfragmented
 */
export function negotiateOptions(
  options: readonly TftpOption[],
  sizeBytes: number,
  blockBytesMax: number = BLOCK_BYTES_ETHERNET,
): NegotiatedOptions {
  const askedBlock = asked(options, 'blksize');
  const blockBytes = askedBlock === undefined ? BLOCK_BYTES_DEFAULT : Math.min(askedBlock, blockBytesMax);
  const askedWindow = asked(options, 'windowsize');
  const windowBlocksMax = Math.min(WINDOW_BLOCKS_MAX, Math.floor(WINDOW_BYTES_MAX / (blockBytes + DATA_HEADER_BYTES)));
  const windowBlocks = Math.min(askedWindow ?? 1, windowBlocksMax);
  const timeoutS = asked(options, 'timeout');
  const answers: ReadonlyMap<string, number | undefined> = new Map([
    ['blksize', askedBlock === undefined ? undefined : blockBytes],
    ['windowsize', askedWindow === undefined ? undefined : windowBlocks],
    ['timeout', timeoutS],
    // RFC 2349 has the client send 0; the server answers any other value too.
    // Quirk: curl 7.88 ends the transfer on a size of 0, so the size of an empty file is left out.
    ['tsize', asked(options, 'tsize') === undefined || sizeBytes === 0 ? undefined : sizeBytes],
  ]);
  const granted: TftpOption[] = [];
  for (const { name } of options) {
    const value = answers.get(name.toLowerCase());
    if (value !== undefined) granted.push({ name, value: String(value) });
  }
  return {
    blockBytes,
    windowBlocks,
    timeoutMs: milliseconds(timeoutS === undefined ? TIMEOUT_MS_DEFAULT : Math.min(timeoutS * 1000, TIMEOUT_MS_MAX)),
    timeoutAsked: timeoutS !== undefined,
    granted,
  };
}

/** The value of an option, if it is a number of up to ten decimal digits. */
function asked(options: readonly TftpOption[], name: string): number | undefined {
  const text = options.find((option) => option.name.toLowerCase() === name)?.value;
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
