// The Client FQDN option (81): the name that a client wants in the DNS, and who is to put it there. Source: RFC 4702 §2.
//
//   flags   0 0 0 0 N E O S    S: the server puts the name's address (A) there; O, the server's alone: S is not what the client wanted;
//                              E: the name is in labels (RFC 1035 §3.1), else in ASCII; N: the server puts nothing there
//   RCODE1  RCODE2             of no use any more: a server writes 255
//   name                       in full, only its first labels, or empty
//
// 1. Bytes from a client become a label that can be a host name, or nothing: no other text of the option leaves this file.

import type { DhcpOptions } from './option-list.ts';
import { clientHostname, domainNameBytes, hostLabel, OPTION, optionText, textBytes } from './options.ts';

const SERVER_UPDATES = 1;
const OVERRIDDEN = 2;
const IN_LABELS = 4;
const NO_UPDATES = 8;

/** Flags and two RCODEs stand before the name. */
const HEADER_BYTES = 3;
/** RFC 4702 §2.2: what a server writes into both. */
const RCODE = 255;
/** The longest name in labels (RFC 1035 §2.3.4), and the longest value that is not sent in pieces. */
const NAME_BYTES_MAX = 255;
const VALUE_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;

/** What a client says of its name. */
export interface ClientFqdn {
  /** The first label, in lower case; undefined: the client sent none, or one that is no host name. */
  readonly label: string | undefined;
  /** The server is to enter the address under the name. */
  readonly wantsServer: boolean;
  /** Nobody but the client is to enter anything. */
  readonly wantsNobody: boolean;
  /** The name is in labels, and so is the one that goes back. */
  readonly inLabels: boolean;
}

/** What a server says of a client's name. */
export interface NamedClient {
  /** The first label; undefined: the client has no name here. */
  readonly label: string | undefined;
  /** Empty: the label alone is the name. */
  readonly domain: string;
  /** True: this server enters address and reverse name; false: it enters neither. */
  readonly isEntered: boolean;
}

/** Option 81 of a message; undefined: there is none, or it is too short to be one. */
export function clientFqdn(options: DhcpOptions): ClientFqdn | undefined {
  const value = options.get(OPTION.clientFqdn);
  if (value === undefined || value.length < HEADER_BYTES) return undefined;
  const flags = value[0] ?? 0;
  const inLabels = (flags & IN_LABELS) !== 0;
  const wantsNobody = (flags & NO_UPDATES) !== 0;
  const name = value.subarray(HEADER_BYTES);
  return {
    label: inLabels ? firstLabel(name) : asciiLabel(name),
    // RFC 4702 §2.1: S is 0 where N is 1.
    wantsServer: !wantsNobody && (flags & SERVER_UPDATES) !== 0,
    wantsNobody,
    inLabels,
  };
}

/** The name a client gives itself: by option 81, else by option 12 (RFC 4702 §3.1); undefined: none that can be a host name. */
export const clientName = (options: DhcpOptions): string | undefined =>
  clientFqdn(options)?.label ?? clientHostname(options);

/** The same, as far as the client wants it to be known; undefined: it has none, or wants it entered by nobody but itself. */
export const nameToEnter = (options: DhcpOptions): string | undefined =>
  clientFqdn(options)?.wantsNobody === true ? undefined : clientName(options);

function asciiLabel(name: Uint8Array): string | undefined {
  if (name.length > NAME_BYTES_MAX) return undefined;
  return hostLabel(optionText(new Map([[OPTION.hostName, name]]), OPTION.hostName));
}

/** The first label of a name in labels, whole or partial (RFC 4702 §2.3); undefined: it is no such name. */
function firstLabel(name: Uint8Array): string | undefined {
  if (name.length > NAME_BYTES_MAX) return undefined;
  let offset = 0;
  while (offset < name.length) {
    const length = name[offset] ?? 0;
    // Nothing stands behind the root, and nothing is compressed.
    if (length === 0) return offset > 0 && offset + 1 === name.length ? labelAt(name) : undefined;
    if (length > LABEL_BYTES_MAX) return undefined;
    offset += 1 + length;
  }
  return offset > 0 && offset === name.length ? labelAt(name) : undefined;
}

function labelAt(name: Uint8Array): string | undefined {
  const text = Buffer.from(name.subarray(1, 1 + (name[0] ?? 0))).toString('latin1');
  return text.includes('.') ? undefined : hostLabel(text);
}

/**
 * The value that answers a client's option 81, with the name in the encoding that the client chose (RFC 4702 §2.1). A name that is longer
 * than the DNS or one option can hold goes back as its first label alone.
 */
export function clientFqdnBytes(asked: ClientFqdn, { label, domain, isEntered }: NamedClient): Uint8Array {
  const flags =
    (isEntered ? SERVER_UPDATES : NO_UPDATES) |
    (isEntered === asked.wantsServer ? 0 : OVERRIDDEN) |
    (asked.inLabels ? IN_LABELS : 0);
  const head = [flags, RCODE, RCODE];
  if (label === undefined) return Uint8Array.from(head);
  const full = domain === '' ? label : `${label}.${domain}`;
  const name = asked.inLabels ? domainNameBytes(full) : textBytes(full);
  if (name !== undefined && HEADER_BYTES + name.length <= VALUE_BYTES_MAX) return Uint8Array.of(...head, ...name);
  return Uint8Array.of(...head, ...(asked.inLabels ? [label.length] : []), ...textBytes(label));
}
