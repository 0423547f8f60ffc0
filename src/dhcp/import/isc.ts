// ISC dhcpd's and OpenBSD's `dhcpd.leases`: a list of declarations, in which a later one for an
// address replaces an earlier. Source: dhcpd.leases(5) of ISC dhcpd 4.4 and of OpenBSD.
//
//   lease 10.0.0.5 { starts 4 2024/01/11 10:20:30; ends …; binding state active; hardware ethernet
//   …; uid "…"; … }
//
// 1. Times are UTC, in some versions marked `UTC` or `GMT`, `epoch` seconds, or `never`.
// 2. `active` and `expired` are bound until their end; `abandoned` is set aside. In the others
//    (`free`, `released`, `backup` …) the address remembers its last client. The statement
//    `abandoned` (OpenBSD) sets aside for good; the end beside it is when the conflict was found.
// 3. A `host` in the file is reported as a reservation; PASSED_OVER declarations concern no
//    addresses; any other is malformed.
// 4. An unreadable part costs no lease after it: a lease begins wherever `lease ADDRESS {` stands.
//    An unreadable statement inside a lease is reported; the lease is taken if its client and end
//    are readable.

import { type Ipv4, type MacAddress, parseIpv4 } from '../../ground/address.ts';
import type { LeaseState } from '../leases/lease.ts';
import {
  type FileEntry,
  type FileProblem,
  leaseEntry,
  macOfClientId,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';
import { type IscToken, iscTokens, joinTokens } from './isc-tokens.ts';

/** Tokens of one statement; a longer one is malformed. */
const STATEMENT_TOKENS_MAX = 1024;

const STATES: Readonly<Record<string, LeaseState>> = {
  active: 'bound',
  expired: 'bound',
  abandoned: 'declined',
  free: 'released',
  released: 'released',
  reset: 'released',
  backup: 'released',
  bootp: 'bound',
};

/** Tokens up to `;`, `{`, `}` or the end of the file (`end`). */
interface Statement {
  readonly tokens: readonly IscToken[];
  readonly ended: ';' | '{' | '}' | 'end';
  readonly line: number;
  /** Its fault. */
  readonly fault: string | undefined;
}

/** The contents of a lease declaration so far. */
interface Draft {
  starts?: number | undefined;
  cltt?: number | undefined;
  /** Undefined: not given. */
  ends?: number | 'never' | undefined;
  state?: LeaseState | undefined;
  /** Set aside without an end. */
  isForGood?: boolean;
  hardware?: string | undefined;
  mac?: MacAddress | undefined;
  clientId?: string | undefined;
  hostname?: string | undefined;
  vendorClass?: string | undefined;
  circuitId?: string | undefined;
  remoteId?: string | undefined;
}

export function* readIscLeases(lines: Iterable<string>): Generator<FileEntry, void> {
  const tokens = iscTokens(lines);
  let opened: OpenedLease | undefined;
  for (;;) {
    if (opened !== undefined) {
      opened = yield* readLease(tokens, opened);
      continue;
    }
    const statement = nextStatement(tokens);
    const { tokens: words, ended, line, fault } = statement;
    if (fault !== undefined) yield problemAt(line, 'malformed', fault);
    if (ended === 'end') {
      if (words.length > 0) yield problemAt(line, 'malformed', 'the file ends in the middle of a statement');
      return;
    }
    if (ended === '}') yield problemAt(line, 'malformed', `${joinTokens(words)} } ends nothing`.trimStart());
    if (ended === ';' && words[0]?.text === 'lease') yield problemAt(line, 'malformed', joinTokens(words));
    if (ended !== '{') continue;
    opened = openedLease(statement);
    if (opened === undefined) {
      const problem = declarationProblem(words[0]?.text);
      const name = joinTokens(words.slice(0, problem === 'malformed' ? QUOTED_WORDS : 2));
      const cut = skipBlock(tokens);
      if (cut === 'end') yield problemAt(line, 'malformed', 'the file ends in the middle of a declaration');
      else if (cut !== 'closed') {
        yield problemAt(line, 'malformed', `${name}: it is cut off`);
        opened = cut;
      }
      if (problem !== undefined) yield problemAt(line, problem, name);
    } else if (words.length > LEASE_WORDS) {
      yield problemAt(line, 'malformed', joinTokens(words.slice(0, -LEASE_WORDS)));
    }
  }
}

/** A lease declaration whose `{` was read. */
interface OpenedLease {
  readonly name: string;
  readonly line: number;
}

/** The words that begin a declaration: `lease ADDRESS`. */
const LEASE_WORDS = 2;

/**
 * The lease that a statement opens, whatever precedes it. Leases do not nest: anything still open
 * was cut off.
 */
function openedLease({ tokens, ended }: Statement): OpenedLease | undefined {
  const [kind, name] = tokens.slice(-LEASE_WORDS);
  if (ended !== '{' || kind?.kind !== 'word' || kind.text !== 'lease' || name === undefined) return undefined;
  if (tokens.length > LEASE_WORDS && parseIpv4(name.text) === undefined) return undefined;
  return { name: name.text, line: kind.line };
}

/** How many words of an unreadable declaration are quoted. */
const QUOTED_WORDS = 8;
/** Declarations that concern no addresses. */
const PASSED_OVER = new Set(['failover', 'class', 'subclass', 'key', 'zone']);

/** Why a declaration is reported; undefined: it is passed over. */
function declarationProblem(kind: string | undefined): FileProblem | undefined {
  if (kind === 'host' || kind === 'group') return 'reservation';
  if (kind === 'ia-na' || kind === 'ia-ta' || kind === 'ia-pd') return 'not-ipv4';
  return kind !== undefined && PASSED_OVER.has(kind) ? undefined : 'malformed';
}

function nextStatement(tokens: Iterator<IscToken>): Statement {
  const statementTokens: IscToken[] = [];
  let line = 0;
  let fault: string | undefined;
  for (;;) {
    const next = tokens.next();
    const token: IscToken = next.done === true ? { kind: 'end', text: '', line } : next.value;
    if (line === 0) line = token.line;
    if (token.kind === 'end') return { tokens: statementTokens, ended: 'end', line, fault };
    if (token.kind === 'mark' && (token.text === ';' || token.text === '{' || token.text === '}')) {
      return { tokens: statementTokens, ended: token.text, line, fault };
    }
    // The rest of the line is lost, and the statement's end.
    if (token.kind === 'fault')
      return { tokens: statementTokens, ended: ';', line, fault: `${joinTokens(statementTokens)}: ${token.text}` };
    if (statementTokens.length < STATEMENT_TOKENS_MAX) statementTokens.push(token);
    else fault ??= 'a statement is too long';
  }
}

/** Skips a block after its `{`. @returns `end`: the file ended in it; a lease: one began inside it */
function skipBlock(tokens: Iterator<IscToken>): 'closed' | 'end' | OpenedLease {
  for (let depth = 1; depth > 0; ) {
    const statement = nextStatement(tokens);
    if (statement.ended === 'end') return 'end';
    const opened = openedLease(statement);
    if (opened !== undefined) return opened;
    if (statement.ended === '{') depth += 1;
    if (statement.ended === '}') depth -= 1;
  }
  return 'closed';
}

/** Reads a lease. @returns the lease that began inside it, which was cut off */
function* readLease(
  tokens: Iterator<IscToken>,
  { name, line }: OpenedLease,
): Generator<FileEntry, OpenedLease | undefined> {
  const draft: Draft = {};
  const broken = (text: string): FileEntry => problemAt(line, 'malformed', `lease ${name}: ${text}`);
  for (;;) {
    const statement = nextStatement(tokens);
    const { ended, fault } = statement;
    const next = openedLease(statement);
    if (next !== undefined) {
      yield broken('it is cut off');
      return next;
    }
    if (ended === 'end') {
      yield broken('the file ends in the middle of it');
      return undefined;
    }
    const problem = fault ?? readStatement(draft, statement.tokens);
    if (problem !== undefined) yield problemAt(statement.line, 'line-unread', `lease ${name}: ${problem}`);
    if (ended === '}') break;
    if (ended !== '{') continue;
    const cut = skipBlock(tokens);
    if (cut === 'closed') continue;
    yield broken(cut === 'end' ? 'the file ends in the middle of it' : 'it is cut off');
    return cut === 'end' ? undefined : cut;
  }
  const address = parseIpv4(name);
  const entry = address === undefined ? broken('not an IPv4 address') : finishLease(draft, address, name, line);
  if (entry !== undefined) yield entry;
  return undefined;
}

/** Statements without client or time. */
const IRRELEVANT = new Set(
  'tstp tsfp atsfp next rewind on reserved bootp dynamic-bootp billing hostname dynamic deleted host'.split(' '),
);

/** Takes a statement into the draft; returns why it cannot be read. */
function readStatement(draft: Draft, tokens: readonly IscToken[]): string | undefined {
  const [first, second, third, fourth] = tokens;
  switch (first?.text) {
    case 'starts':
    case 'cltt': {
      const at = readDate(tokens);
      if (at === undefined) return `${joinTokens(tokens)}: not a date`;
      if (at !== 'never') draft[first.text] = at;
      return undefined;
    }
    case 'ends':
      draft.ends = readDate(tokens);
      return draft.ends === undefined ? `${joinTokens(tokens)}: not a date` : undefined;
    case 'binding':
      draft.state = Object.hasOwn(STATES, third?.text ?? '') ? STATES[third?.text ?? ''] : undefined;
      return draft.state === undefined ? `${joinTokens(tokens)}: not a known state` : undefined;
    case 'abandoned':
      draft.isForGood = draft.state === undefined;
      draft.state ??= 'declined';
      return undefined;
    case 'hardware':
      draft.hardware = second?.text;
      draft.mac = third === undefined ? undefined : parseClientMac(paddedOctets(third.text));
      return undefined;
    case 'uid':
      draft.clientId = readBytes(second);
      return draft.clientId === undefined ? `${joinTokens(tokens)}: no identifier` : undefined;
    case 'client-hostname':
      draft.hostname = second?.text;
      return undefined;
    case 'set':
      if (second?.text === 'vendor-class-identifier') draft.vendorClass = readBytes(fourth);
      return undefined;
    case 'option':
      if (second?.text === 'agent.circuit-id') draft.circuitId = readBytes(third);
      if (second?.text === 'agent.remote-id') draft.remoteId = readBytes(third);
      return undefined;
    default:
      return first === undefined || IRRELEVANT.has(first.text) ? undefined : joinTokens(tokens.slice(0, QUOTED_WORDS));
  }
}

/** Pads octets of one digit with a zero. */
const paddedOctets = (text: string): string =>
  text
    .split(':')
    .map((octet) => octet.padStart(2, '0'))
    .join(':');

/** A quoted text, or octets in hexadecimal. */
function readBytes(token: IscToken | undefined): string | undefined {
  if (token === undefined) return undefined;
  return token.kind === 'text' ? token.text : parseOctets(token.text);
}

/** `never`, `epoch SECONDS`, or `WEEKDAY YYYY/MM/DD HH:MM:SS [UTC|GMT]`, after the statement's name. */
function readDate(tokens: readonly IscToken[]): number | 'never' | undefined {
  const [first, second, third, fourth] = tokens.slice(1).map(({ text }) => text);
  if (first === 'never') return 'never';
  if (first === 'epoch') return second !== undefined && /^\d{1,11}$/.test(second) ? Number(second) * 1000 : undefined;
  const day = /^(\d{4})\/(\d{1,2})\/(\d{1,2})$/.exec(second ?? '');
  const time = /^(\d{1,2}):(\d{1,2}):(\d{1,2})$/.exec(third ?? '');
  if (day === null || time === null || !/^(?:UTC|GMT)$/.test(fourth ?? 'UTC')) return undefined;
  const [year = 0, month = 0, date = 0] = day.slice(1).map(Number);
  const [hour = 0, minute = 0, second60 = 0] = time.slice(1).map(Number);
  if (month < 1 || month > 12 || date < 1 || date > 31 || hour > 23 || minute > 59 || second60 > 60) return undefined;
  return Date.UTC(year, month - 1, date, hour, minute, second60);
}

function finishLease(draft: Draft, address: Ipv4, name: string, line: number): FileEntry | undefined {
  const { state = 'bound', hardware, clientId, starts, cltt } = draft;
  if (state !== 'declined' && hardware !== undefined && hardware !== 'ethernet') {
    return problemAt(line, 'not-ethernet', `lease ${name}: hardware ${hardware}`);
  }
  const mac = draft.mac ?? macOfClientId(clientId);
  if (mac === undefined && state !== 'declined') {
    // No client has had it yet.
    if (state === 'released' && hardware === undefined) return undefined;
    return problemAt(line, 'no-client', `lease ${name}`);
  }
  const ends = draft.isForGood === true ? 'never' : (draft.ends ?? (state === 'released' ? (starts ?? 0) : undefined));
  if (ends === undefined) return problemAt(line, 'malformed', `lease ${name}: it has no end`);
  return leaseEntry({
    line,
    address,
    mac,
    state,
    grantedWallMs: cltt ?? starts,
    expiresWallMs: ends === 'never' ? undefined : ends,
    hostname: draft.hostname,
    clientId,
    vendorClass: draft.vendorClass,
    circuitId: draft.circuitId,
    remoteId: draft.remoteId,
  });
}
