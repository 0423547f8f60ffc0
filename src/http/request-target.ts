// Parses the target of a request line by hand. Sources: RFC 9112 §3.2, RFC 3986 §2.1.
//
// Quirk: shim asks for `//grubx64.efi`, which the WHATWG URL parser reads as a host name; and
// loaders leave bytes unescaped that it would change. So this file uses no URL class.
//
// 1. The path is decoded once and not normalised: the code that resolves it decides about `..` and
//    empty names.
// 2. A query is cut off; file names have none.

import { splitTarget } from '../net/region-http.ts';

/** The longest accepted target, in characters. */
export const TARGET_CHARACTERS_MAX = 2048;

export type TargetFault =
  /** Longer than TARGET_CHARACTERS_MAX. */
  | 'target-too-long'
  /** Neither a path nor an absolute `http` URL. */
  | 'target-form'
  /** `%` without two hexadecimal digits, or bytes that are not UTF-8. */
  | 'target-escape';

type ParsedTarget =
  | {
      readonly ok: true;
      /** Percent-decoded, with its leading `/`. */
      readonly path: string;
      /** The target in origin form, undecoded, with its query, as it is passed on. */
      readonly origin: string;
    }
  | { readonly ok: false; readonly fault: TargetFault };

const targetFault = (name: TargetFault): ParsedTarget => ({ ok: false, fault: name });

/** Parses a target in origin form, or in absolute form, which proxies get (RFC 9112 §3.2.2). */
export function parseTarget(target: string): ParsedTarget {
  if (target.length > TARGET_CHARACTERS_MAX) return targetFault('target-too-long');
  const origin = toOriginForm(target);
  if (origin === undefined) return targetFault('target-form');
  const path = decodePercent(splitTarget(origin).path);
  return path === undefined ? targetFault('target-escape') : { ok: true, path, origin };
}

function toOriginForm(target: string): string | undefined {
  if (target.startsWith('/')) return target;
  const absolute = /^http:\/\/[^/?#]+(.*)$/is.exec(target);
  const rest = absolute?.[1];
  if (rest === undefined) return undefined;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function decodePercent(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    // Refuses malformed escapes (RFC 3986) and bytes that are not UTF-8; keeps `+` as a plus.
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** True for the region's paths: `/MAAS` and everything below it. */
export function isRegionPath(origin: string): boolean {
  return origin.startsWith('/MAAS') && (origin.length === 5 || origin[5] === '/' || origin[5] === '?');
}
