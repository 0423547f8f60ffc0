// Places the options of a message: in the option field, in `file` or in `sname`. Sources: RFC 2131
// §4.1 and RFC 2132 §9.3 (option overload), RFC 3396 §5 to §7 (long options), RFC 3046 §2.1 (agent
// information).
//
//   all in the option field ── else ─→ the rest in `file` and `sname`, if these are empty
//                           ── else ─→ also in a field whose text an option repeats: `file` by option 67, `sname` by 66
//                           ── else ─→ left out, and named
//
// 1. Options keep their order if all fit in the option field; else the most important come first
//    (`option-order.ts`). Options of at most 255 bytes are never divided: only a client that
//    implements RFC 3396 can join the pieces.
// 2. The agent information comes last, whole, in the option field. It takes no room from the rest:
//    the relay agent removes it (RFC 3046 §2.1). Within the limit of both together it has priority,
//    but is left out if no room for a reply would remain.
// 3. A NAK uses neither field (RFC 2131 table 3).

import { type DhcpOptions, OptionList, type OptionsInMaking } from './message-options.ts';
import { byWeight } from './option-order.ts';

/** The sizes of the fields. */
export const SNAME_BYTES = 64;
export const FILE_BYTES = 128;
/** The longest piece of a value, in bytes (RFC 3396 §6). */
export const PIECE_BYTES_MAX = 255;

const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const NAK = 6;
const TFTP_SERVER_NAME = 66;
const BOOT_FILE_NAME = 67;
const AGENT_INFORMATION = 82;
const OVERLOAD_BYTES = 3;
/** The room that agent information must leave: message type, server, lease time, overload and END need 19. */
const BESIDE_AGENT_BYTES_MIN = 32;

/** Options by code, and the texts of the fields. */
interface LaidOut {
  readonly options: DhcpOptions;
  readonly file: string;
  readonly sname: string;
}

/** The options in one place, with their size and the END. */
export interface Share {
  readonly entries: DhcpOptions;
  readonly size: number;
}

/** The options in each place; `omitted` did not fit. */
interface Layout {
  readonly main: Share;
  readonly file: Share;
  readonly sname: Share;
  readonly omitted: readonly number[];
}

/**
 * Shares the options out among the three places.
 * @param spaceBytes of the option field, without the agent information
 * @param wholeBytes of the option field, in all
 */
export function layOut(message: LaidOut, spaceBytes: number, wholeBytes: number): Layout {
  const { options } = message;
  const relayed = options.get(AGENT_INFORMATION);
  const agentBytes = relayed === undefined ? 0 : encodedOptionBytes(relayed);
  let total = 1;
  options.forEach((value, code) => {
    if (isPlaced(code)) total += encodedOptionBytes(value);
  });
  const agent = agentBytes + BESIDE_AGENT_BYTES_MIN <= wholeBytes ? relayed : undefined;
  const space = agent === undefined ? spaceBytes : Math.min(spaceBytes, wholeBytes - agentBytes);
  if (total <= space && agent === relayed) return inOne(options, total + agentBytes);

  const layout = overloaded(message, space);
  const omitted = agent === relayed ? layout.omitted : [AGENT_INFORMATION, ...layout.omitted];
  return closed({ ...layout, omitted }, agent);
}

/** True for every option except the overload and the agent information. */
const isPlaced = (code: number): boolean => code !== AGENT_INFORMATION && code !== OVERLOAD;

/** Everything in the option field, as in nearly every reply; nothing is copied. */
function inOne(options: LaidOut['options'], size: number): Layout {
  const relayed = options.get(AGENT_INFORMATION);
  let entries = options;
  if (relayed !== undefined || options.has(OVERLOAD)) {
    const placed = new OptionList();
    options.forEach((value, code) => {
      if (isPlaced(code)) placed.set(code, value);
    });
    if (relayed !== undefined) placed.set(AGENT_INFORMATION, relayed);
    entries = placed;
  }
  return { main: { entries, size }, file: NOTHING, sname: NOTHING, omitted: [] };
}

function overloaded({ options: unsorted, file, sname }: LaidOut, spaceBytes: number): FilledLayout {
  const options = byWeight(unsorted);
  const isNak = options.get(MESSAGE_TYPE)?.[0] === NAK;
  const plain = shareOut(options, { main: spaceBytes, file: 0, sname: 0 });
  if (plain.omitted.length === 0 || isNak) return plain;
  const main = spaceBytes - OVERLOAD_BYTES;
  const overloaded = shareOut(options, {
    main,
    file: file === '' ? FILE_BYTES : 0,
    sname: sname === '' ? SNAME_BYTES : 0,
  });
  if (overloaded.omitted.length === 0) return overloaded;
  const instead = shareOut(options, {
    main,
    file: repeats(options.get(BOOT_FILE_NAME), file) ? FILE_BYTES : 0,
    sname: repeats(options.get(TFTP_SERVER_NAME), sname) ? SNAME_BYTES : 0,
  });
  const isLost =
    (file !== '' && instead.omitted.includes(BOOT_FILE_NAME)) ||
    (sname !== '' && instead.omitted.includes(TFTP_SERVER_NAME));
  const best = isLost || instead.omitted.length >= overloaded.omitted.length ? overloaded : instead;
  return best.omitted.length >= plain.omitted.length ? plain : best;
}

/** Space for options and their END, in bytes; 0: the place is taken. */
interface Space {
  readonly main: number;
  readonly file: number;
  readonly sname: number;
}

/** Puts each option where it fits, in order; one over 255 bytes may continue in the next place. */
function shareOut(options: LaidOut['options'], space: Space): FilledLayout {
  const [main, file, sname] = [emptyShare(), emptyShare(), emptyShare()];
  const places: readonly Place[] = [
    { share: main, space: space.main },
    { share: file, space: space.file },
    { share: sname, space: space.sname },
  ];
  const omitted: number[] = [];
  for (const [code, value] of options) {
    if (!isPlaced(code)) continue;
    const size = encodedOptionBytes(value);
    const place = places.find(({ share, space: bytes }) => share.size + size <= bytes);
    if (place !== undefined) addOption(place.share, code, value);
    else if (value.length <= PIECE_BYTES_MAX || !spread(places, code, value)) omitted.push(code);
  }
  return { main, file, sname, omitted };
}

interface Filled extends Share {
  readonly entries: OptionsInMaking;
  size: number;
}

interface FilledLayout extends Layout {
  readonly main: Filled;
}

interface Place {
  readonly share: Filled;
  readonly space: number;
}

/** Writes a long option across the places; false: not enough room. */
function spread(places: readonly Place[], code: number, value: Uint8Array): boolean {
  const shares = places.map(({ share, space }) => valueBytesIn(space - share.size));
  if (shares.reduce((sum, bytes) => sum + bytes, 0) < value.length) return false;
  let offset = 0;
  for (const [index, { share }] of places.entries()) {
    const part = value.subarray(offset, offset + (shares[index] ?? 0));
    if (part.length > 0) addOption(share, code, part);
    offset += part.length;
  }
  return true;
}

/** How many bytes of one value fit, with code and length before each piece. */
function valueBytesIn(bytes: number): number {
  if (bytes <= 2) return 0;
  const piece = PIECE_BYTES_MAX + 2;
  return Math.floor(bytes / piece) * PIECE_BYTES_MAX + Math.max(0, (bytes % piece) - 2);
}

/** True if the field has no text or the option repeats it. */
function repeats(option: Uint8Array | undefined, text: string): boolean {
  if (text === '') return true;
  return option !== undefined && Buffer.from(option).toString('latin1').replace(/\0+$/, '') === text;
}

/** Marks which fields carry options, and puts the agent information last. */
function closed(layout: FilledLayout, agent: Uint8Array | undefined): Layout {
  const used = (layout.file.entries.size > 0 ? 1 : 0) | (layout.sname.entries.size > 0 ? 2 : 0);
  if (used !== 0) addOption(layout.main, OVERLOAD, Uint8Array.of(used));
  if (agent !== undefined) addOption(layout.main, AGENT_INFORMATION, agent);
  return layout;
}

const NOTHING: Share = { entries: new OptionList(), size: 1 };
const emptyShare = (): Filled => ({ entries: new OptionList(), size: 1 });

function addOption(share: Filled, code: number, value: Uint8Array): void {
  share.entries.set(code, value);
  share.size += encodedOptionBytes(value);
}

/** The size on the wire, in pieces of at most 255 bytes. */
const encodedOptionBytes = ({ length }: Uint8Array): number =>
  length <= PIECE_BYTES_MAX ? length + 2 : length + 2 * Math.ceil(length / PIECE_BYTES_MAX);
