// Finds the mirrors of a distribution in this host's apt sources.
//
//   deb [signed-by=/k.gpg] http://ftp.debian.org/debian bookworm main       a line of a .list file
//   Types: deb / URIs: … / Suites: … / Components: main                     a stanza of a .sources file (deb822)
//
// Source: sources.list(5) of apt 2.6, "One-Line-Style Format" and "DEB822-Style Format".
//
// The sources of this host are in /etc/apt/sources.list, and in the files of
// /etc/apt/sources.list.d with these endings.
//
// 1. An unreadable line or stanza is skipped: apt itself reports it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Bound on the characters of a file. Real files have a few hundred. */
const FILE_CHARACTERS_MAX = 1024 * 1024;
const MIRRORS_MAX = 1000;

/**
 * Reads the URLs of mirrors with binary packages (`deb`, lower case) of the component main. Each
 * ends in `/`.
 */
export function readAptMirrors(text: string, form: 'list' | 'sources'): readonly string[] {
  if (text.length > FILE_CHARACTERS_MAX) return [];
  const mirrors = form === 'list' ? readLines(text) : readStanzas(text);
  return [...new Set(mirrors)].slice(0, MIRRORS_MAX);
}

/**
 * Finds the first mirror whose path ends with the name of the system.
 * @param os `debian`, `ubuntu`
 */
export const findAptMirror = (mirrors: readonly string[], os: string): string | undefined =>
  mirrors.find((mirror) => new URL(mirror).pathname.endsWith(`/${os}/`));

function readLines(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [uncommented = ''] = line.split('#');
    const [type, ...words] = uncommented.trim().split(/\s+/);
    // Options in brackets may contain spaces.
    const options = words[0]?.startsWith('[') === true ? words.findIndex((word) => word.endsWith(']')) + 1 : 0;
    const [uri = '', , ...components] = words.slice(options);
    return type === 'deb' && components.includes('main') ? parseWebMirror(uri) : [];
  });
}

function readStanzas(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const stanzas = lines.join('\n').split(/\n[ \t]*\n/);
  return stanzas.flatMap((stanza) => {
    const fields = new Map<string, string>();
    let fieldName = '';
    for (const line of stanza.split('\n')) {
      const [, name = fieldName, value = line] = /^([A-Za-z-]{1,64}):(.*)$/.exec(line) ?? [];
      fieldName = name.toLowerCase();
      fields.set(fieldName, `${fields.get(fieldName) ?? ''} ${value}`);
    }
    const readWords = (name: string): readonly string[] => (fields.get(name) ?? '').trim().split(/\s+/);
    const isDisabled = /^(?:no|false|0|off|without|disable)$/i.test(readWords('enabled')[0] ?? '');
    if (isDisabled || !readWords('types').includes('deb') || !readWords('components').includes('main')) return [];
    return readWords('uris').flatMap(parseWebMirror);
  });
}

/**
 * Parses the URL of a mirror, and lets it end in `/`. Empty unless it is http or https without
 * query and fragment.
 */
function parseWebMirror(uri: string): readonly string[] {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') return [];
  return [url.href.endsWith('/') ? url.href : `${url.href}/`];
}

const DIRECTORY = '/etc/apt';
const FILES_MAX = 256;

/** Reads this host's mirrors. Mirrors in sources.list come first. Unreadable files are skipped. */
export function readHostMirrors(directory = DIRECTORY): readonly string[] {
  const parts = tryRead(() => readdirSync(join(directory, 'sources.list.d')), []).toSorted();
  const files = ['sources.list', ...parts.map((name) => join('sources.list.d', name))].slice(0, FILES_MAX);
  return files.flatMap((file) => {
    const form = /\.(list|sources)$/.exec(file)?.[1];
    if (form !== 'list' && form !== 'sources') return [];
    return readAptMirrors(
      tryRead(() => readFileSync(join(directory, file), 'utf8'), ''),
      form,
    );
  });
}

function tryRead<T>(read: () => T, fallback: T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}
