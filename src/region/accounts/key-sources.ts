// Where people have published their SSH keys: Launchpad and GitHub, named as in MAAS, `lp:NAME` and
// `gh:NAME`.
//
// Sources: MAAS's `account/prefs/sshkeys/?op=import` and `keysource`; the form of names at
// Launchpad and GitHub.
//
// 1. The host is fixed by the source, and a name has no character that could change the path: a
//    caller chooses neither.

import type { AttemptFault } from '../../images/download/fault.ts';
import { describeAttemptFault } from '../../images/download/fault.ts';

type KeysFault =
  /** No complete answer within `seconds`. */
  | { readonly code: 'late'; readonly seconds: number }
  | { readonly code: 'status'; readonly host: string; readonly status: number }
  /** The list is too large to read, or the connection ended before the end of the list. */
  | { readonly code: 'not-whole'; readonly host: string }
  | { readonly code: 'no-answer'; readonly fault: AttemptFault };

/** The fault, as part of a sentence. */
export function keysFaultText(fault: KeysFault): string {
  switch (fault.code) {
    case 'late':
      return `no answer within ${fault.seconds} s`;
    case 'status':
      return `${fault.host} answered ${fault.status}`;
    case 'not-whole':
      return `${fault.host} sent too much, or closed the connection early`;
    case 'no-answer':
      return describeAttemptFault(fault.fault);
  }
}

export interface KeySource {
  readonly site: KeySite;
  readonly name: string;
}
export type KeySite = 'lp' | 'gh';

export type FetchedKeys =
  | { readonly kind: 'keys'; readonly lines: readonly string[] }
  /** Nobody there has this name. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'fault'; readonly fault: KeysFault };

/** Reads a list. @param proxy the URL of a proxy; empty: none */
export type FetchKeys = (source: KeySource, proxy: string) => Promise<FetchedKeys>;

const FORM = /^(lp|gh):([A-Za-z0-9][A-Za-z0-9.+-]{0,62})$/;

export function parseKeySource(text: string): KeySource | undefined {
  const [, site, name] = FORM.exec(text.trim()) ?? [];
  return name === undefined ? undefined : { site: site === 'lp' ? 'lp' : 'gh', name };
}

export const formatKeySource = ({ site, name }: KeySource): string => `${site}:${name}`;
