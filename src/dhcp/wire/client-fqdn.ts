// The Client FQDN option (81): the name a client wants in the DNS, and who enters it there. Source:
// RFC 4702 §2.
//
//   flags   0 0 0 0 N E O S    S: the server enters the name's address (A); O, from the server only: S differs from the client's wish;
//                              E: the name is in labels (RFC 1035 §3.1), else in ASCII; N: the
//                              server enters nothing
//   RCODE1  RCODE2             obsolete: a server writes 255
//   name                       in full, only its first labels, or empty
//
// 1. Bytes from a client become a valid host name label or nothing.

import { cleanText } from '../../ground/clean-text.ts';
import type { DhcpOptions } from './message-options.ts';
import { clientHostname, domainNameBytes, hostLabel, OPTION, optionText, textBytes } from './options.ts';

const SERVER_UPDATES = 1;
const OVERRIDDEN = 2;
const IN_LABELS = 4;
const NO_UPDATES = 8;

/** The flags and two RCODEs before the name. */
const HEADER_BYTES = 3;
/** RFC 4702 §2.2: what a server writes into both. */
const RCODE = 255;
/** The longest name in labels (RFC 1035 §2.3.4), and the longest value in one piece. */
const NAME_BYTES_MAX = 255;
const VALUE_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;

/** A client's wishes about its name. */
interface ClientFqdn {
  /** In lower case; undefined: none, or not a host name. */
  readonly label: string | undefined;
  /** The client wants the server to enter its name. */
  readonly wantsServer: boolean;
  /** The client wants no one else to enter anything. */
  readonly wantsNobody: boolean;
  /** The name is in labels, as the reply's must be. */
  readonly inLabels: boolean;
}

/** The server's answer about a client's name. */
export interface NamedClient {
  /** Undefined: the client has no name here. */
  readonly label: string | undefined;
  /** Empty: the label alone is the name. */
  readonly domain: string;
  /** True: this server enters address and reverse name; false: neither. */
  readonly isEntered: boolean;
}

/** Undefined: absent, or too short. */
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

/**
 * The client's name for itself, from option 81, else option 12. An option 81 without a name leaves
 * option 12 unread (RFC 4702 §3.1).
 */
export function clientName(options: DhcpOptions): string | undefined {
  const fqdn = clientFqdn(options);
  return fqdn === undefined ? clientHostname(options) : fqdn.label;
}

/**
 * The client's name for itself as it wrote it, cleaned, if `clientName` is none because it is not a
 * host name.
 */
export function refusedName(options: DhcpOptions): string | undefined {
  const value = options.get(OPTION.clientFqdn);
  const fqdn = clientFqdn(options);
  if ((fqdn === undefined ? clientHostname(options) : fqdn.label) !== undefined) return undefined;
  const written = fqdn === undefined ? options.get(OPTION.hostName) : value?.subarray(HEADER_BYTES);
  const bytes = fqdn?.inLabels === true ? written?.subarray(1, 1 + (written[0] ?? 0)) : written;
  const text = Buffer.from(bytes ?? [])
    .toString('utf8')
    .replace(/\0+$/, '')
    .trim();
  return text === '' ? undefined : cleanText(text, LABEL_BYTES_MAX);
}

/** The client's name for itself, unless it wants no one else to enter it. */
export const nameToEnter = (options: DhcpOptions): string | undefined =>
  clientFqdn(options)?.wantsNobody === true ? undefined : clientName(options);

function asciiLabel(name: Uint8Array): string | undefined {
  if (name.length > NAME_BYTES_MAX) return undefined;
  return hostLabel(optionText(new Map([[OPTION.hostName, name]]), OPTION.hostName));
}

/** The first label of a name in labels, whole or partial (RFC 4702 §2.3). */
function firstLabel(name: Uint8Array): string | undefined {
  if (name.length > NAME_BYTES_MAX) return undefined;
  let offset = 0;
  while (offset < name.length) {
    const length = name[offset] ?? 0;
    // The root ends the name, and nothing is compressed.
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
 * The reply to option 81, in the client's encoding (RFC 4702 §2.1). A name too long for the DNS or
 * one option is sent as its first label.
 */
export function clientFqdnBytes(requested: ClientFqdn, { label, domain, isEntered }: NamedClient): Uint8Array {
  const flags =
    (isEntered ? SERVER_UPDATES : NO_UPDATES) |
    (isEntered === requested.wantsServer ? 0 : OVERRIDDEN) |
    (requested.inLabels ? IN_LABELS : 0);
  const head = [flags, RCODE, RCODE];
  if (label === undefined) return Uint8Array.from(head);
  const full = domain === '' ? label : `${label}.${domain}`;
  const name = requested.inLabels ? domainNameBytes(full) : textBytes(full);
  if (name !== undefined && HEADER_BYTES + name.length <= VALUE_BYTES_MAX) return Uint8Array.of(...head, ...name);
  return Uint8Array.of(...head, ...(requested.inLabels ? [label.length] : []), ...textBytes(label));
}
