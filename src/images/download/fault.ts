// The ways in which one attempt to fetch a file can fail: a code with its parameters. `fault-words.ts` turns them into a sentence.
//
// 1. Never change the meaning of a code or parameter: other threads and stored states contain them, not the sentence.
// 2. Every text of an AttemptFailure is clean and bounded: a server chooses the host that it redirects to, and fields of its answer.
// 3. No parameter contains the password of a URL.

import { cleanText } from '../../clean-text.ts';
import { errorText } from '../../errors.ts';
import type { DigestAlgorithm } from './digest.ts';

const SAID_CHARACTERS_MAX = 200;

type OfHost = { readonly host: string };
type Said = { readonly said: string };
/** `proxy` is the URL of the configured proxy; empty: none. */
type ViaProxy = OfHost & { readonly proxy: string };

/** The reason why a TLS connection was refused. */
export type TlsTrouble = 'expired' | 'name' | 'authority' | 'other';

/** The codes, each with its parameters. */
export interface AttemptFaultParams {
  /** The name of the host has no address. */
  'no-host': OfHost & Said;
  /** `said` is the code of the system, if it has one: `ECONNREFUSED` if nothing listens at the port. */
  unreachable: ViaProxy & Said;
  /** No connection within the timeout, which includes TLS and the proxy's tunnel. */
  'connect-late': ViaProxy & { readonly seconds: number };
  tls: OfHost & Said & { readonly trouble: TlsTrouble };
  /** The proxy refused the request. */
  proxy: Said & { readonly proxy: string };
  /** The proxy requires a password (407). */
  'proxy-password': { readonly proxy: string };

  /** Connected, but no response header arrived within the timeout. */
  silent: OfHost & { readonly seconds: number };
  /**
   * 4xx: the server does not have the file, or refuses to send it.
   * @param url the requested URL, without query and password; undefined: the caller names it
   * @param mirrorKey the key of the configuration that chooses another mirror; undefined: none does
   */
  'http-refused': OfHost & {
    readonly status: number;
    readonly url?: string | undefined;
    readonly mirrorKey?: string | undefined;
  };
  /** 5xx, or another status that is not an answer to GET. */
  'http-failed': OfHost & { readonly status: number };
  /** 429 or 503. @param seconds the server's Retry-After; undefined if it gives none */
  busy: OfHost & { readonly status: number; readonly seconds: number | undefined };
  /** From https to http. */
  'redirect-insecure': OfHost & { readonly to: string };
  /** @param to a URL that is not http or https */
  'redirect-unusable': OfHost & { readonly to: string };
  'redirect-endless': OfHost & { readonly max: number };
  /** Not HTTP, a header that is too large, or a connection closed before the answer. */
  'bad-answer': OfHost & Said;
  /** The body is compressed, although the request asked for it unencoded. */
  encoded: OfHost & { readonly encoding: string };
  /** @param range the Content-Range; empty: missing */
  'range-wrong': OfHost & { readonly from: number; readonly range: string };
  /** The end of the body cannot be verified: no length, no chunks, no published size, no digest. */
  'length-unknown': OfHost;
  'size-wrong': OfHost & { readonly expectedBytes: number; readonly bytes: number };
  'too-large': OfHost & { readonly bytesMax: number };

  /** No byte of the body arrived for `seconds`. */
  stalled: OfHost & { readonly seconds: number };
  /** Bytes arrived, but too slowly. */
  slow: OfHost & { readonly bytesPerSecond: number; readonly bytesPerSecondMin: number; readonly seconds: number };
  /** A document was not whole after the longest time that this host reads one. @param bytes that arrived */
  late: OfHost & { readonly seconds: number; readonly bytes: number };
  /** The connection ended early. @param total undefined: unknown */
  cut: OfHost & Said & { readonly bytes: number; readonly total: number | undefined };
  'digest-wrong': OfHost & { readonly algorithm: DigestAlgorithm; readonly expected: string; readonly found: string };

  /** Too little free space. @param freeBytes excluding the space that other downloads have reserved */
  'no-room': { readonly directory: string; readonly freeBytes: number; readonly neededBytes: number };
  'disk-failed': Said & { readonly path: string };
}

type Code = keyof AttemptFaultParams;

/** A fault of one attempt. */
export type AttemptFault<Of extends Code = Code> = {
  readonly [C in Of]: { readonly code: C; readonly params: AttemptFaultParams[C] };
}[Of];

/**
 * The next step after a fault.
 *
 * - `later`: try the same source again later.
 * - `elsewhere`: this source will not deliver the file; try only other sources.
 * - `never`: this host itself cannot store the file.
 */
type Prospect = 'later' | 'elsewhere' | 'never';

const PROSPECTS: Readonly<Record<Code, Prospect>> = {
  'no-host': 'later',
  unreachable: 'later',
  'connect-late': 'later',
  tls: 'elsewhere',
  proxy: 'later',
  'proxy-password': 'elsewhere',
  silent: 'later',
  'http-refused': 'elsewhere',
  'http-failed': 'later',
  busy: 'later',
  'redirect-insecure': 'elsewhere',
  'redirect-unusable': 'elsewhere',
  'redirect-endless': 'elsewhere',
  'bad-answer': 'later',
  encoded: 'elsewhere',
  'range-wrong': 'later',
  'length-unknown': 'elsewhere',
  'size-wrong': 'elsewhere',
  'too-large': 'elsewhere',
  stalled: 'later',
  slow: 'later',
  late: 'elsewhere',
  cut: 'later',
  'digest-wrong': 'later',
  'no-room': 'never',
  'disk-failed': 'never',
};

/** Decides the next step after a fault. */
export const prospectOf = ({ code }: AttemptFault): Prospect => PROSPECTS[code];

/** Cleans the text of a server, a proxy or the system for a parameter. */
export const cleanSaid = (words: unknown): string => cleanText(errorText(words), SAID_CHARACTERS_MAX);

/** The fault with clean texts of at most 512 characters. @param change changes each text first */
export function cleanFault(fault: AttemptFault, change = (text: string): string => text): AttemptFault {
  const texts = Object.entries<unknown>(fault.params).filter(([, value]) => typeof value === 'string');
  const clean = Object.fromEntries(texts.map(([name, text]) => [name, cleanText(change(String(text)))]));
  return Object.assign({}, fault, { params: Object.assign({}, fault.params, clean) });
}

/** The faults of a host without the Internet: they concern each source alike. */
const OF_NETWORK: ReadonlySet<string> = new Set<AttemptFault['code']>([
  'no-host',
  'unreachable',
  'connect-late',
  'proxy',
  'proxy-password',
]);

/** The code of the fault of the network that an error comes from; undefined: it has another reason. */
export function networkFault(error: unknown): string | undefined {
  if (error instanceof AttemptFailure) return OF_NETWORK.has(error.fault.code) ? error.fault.code : undefined;
  return error instanceof Error ? networkFault(error.cause) : undefined;
}

/** Thrown within an attempt; `attempt.ts` catches it. */
export class AttemptFailure extends Error {
  readonly fault: AttemptFault;

  constructor(fault: AttemptFault, cause?: unknown) {
    super(fault.code, { cause });
    this.name = 'AttemptFailure';
    this.fault = cleanFault(fault);
  }
}
