// Where people have published their SSH keys: Launchpad and GitHub, named as in MAAS, `lp:NAME` and `gh:NAME`.
//
// Sources: MAAS's `account/prefs/sshkeys/?op=import` and `keysource`; the form of names at Launchpad and GitHub.
//
// 1. The host is fixed by the source, and a name has no character that could change the path: a caller chooses neither.

import type { KeysFault } from '../words/en/published-keys.ts';

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
