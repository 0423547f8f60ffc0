// Decodes a file of sources: config/image-sources.yaml, and files of a site in the same form.
//
// 1. Every problem is reported, with its path. A file with a problem yields no sources.

import type { z } from 'zod';
import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { errorText } from '../../ground/errors.ts';
import { isFields } from '../../ground/fields.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { findValueLine, parseYamlDocument } from '../../ground/yaml-parser.ts';
import { COPY_SOURCE } from '../store/image-store.ts';
import { listPlaceholders } from './placeholders.ts';
import type {
  AddedRelease,
  AddedSelection,
  FilesSource,
  ImageSource,
  InstallerSource,
  SourceProblem,
  SourceTrust,
} from './source.ts';
import { SIGNED_INDEX, UNSIGNED_INDEX } from './source.ts';
import { SOURCE_KEYS, type WrittenSource, writtenReleases, writtenSource } from './written-source.ts';

/** The content of a file, or all its problems. */
type DecodedSources =
  | {
      readonly ok: true;
      readonly sources: readonly ImageSource[];
      readonly releases: readonly AddedRelease[];
      readonly selections: readonly AddedSelection[];
      readonly findLine: FindLine;
    }
  | { readonly ok: false; readonly problems: readonly SourceProblem[]; readonly findLine: FindLine };

/** Finds the line, from 1, of a path such as `sources[0].name`. Undefined if unknown. */
export type FindLine = (path: string) => number | undefined;

/** Bound on the characters of a file. */

/** In characters. */
const FILE_CHARACTERS_MAX = 1024 * 1024;
const SOURCES_MAX = 128;
const PROBLEMS_MAX = 100;
const YAML_ALIASES_MAX = 100;

/**
 * Decodes the key `selections`, whose form only the region knows. Its value is undefined if the key
 * is absent.
 */
type DecodeSelections = (value: unknown, report: Report) => readonly AddedSelection[];

export function decodeSources(text: string, decodeSelections: DecodeSelections): DecodedSources {
  const problems: SourceProblem[] = [];
  const report = (path: string, message: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push({ path, message });
  };
  const file = readFile(text, report);
  const sources = listSources(file, report).flatMap((value, index) => decodeSource(value, `sources[${index}]`, report));
  const releases = decodeReleases(file.releases, report);
  const selections = decodeSelections(file.selections, report);
  const names = new Set<string>();
  for (const [index, { name }] of sources.entries()) {
    if (names.has(name)) report(`sources[${index}].name`, `another source is named ${name}, too: choose another name`);
    if (name === COPY_SOURCE)
      report(`sources[${index}].name`, 'racks name the copies of images of their region so: choose another name');
    names.add(name);
  }
  const { findLine = () => undefined } = file;
  if (problems.length > 0) return { ok: false, problems, findLine: findLine };
  return { ok: true, sources, releases, selections, findLine: findLine };
}

/** Reports a problem of the file. @param path of the key, such as `sources[0].name` */
export type Report = (path: string, message: string) => void;

interface WrittenFile {
  readonly sources?: unknown;
  readonly releases?: unknown;
  readonly selections?: unknown;
  /** Undefined if the file cannot be read. The problem has then been reported. */
  readonly findLine?: FindLine;
}

function readFile(text: string, report: Report): WrittenFile {
  if (text.length > FILE_CHARACTERS_MAX) {
    report('', `it has ${counted(text.length, 'character')}, but the limit is ${FILE_CHARACTERS_MAX}`);
    return {};
  }
  const parsed = parseYaml(text, report);
  if (parsed === undefined) return {};
  const { value, findLine } = parsed;
  const { sources, releases, selections, ...others } = isFields(value) ? value : {};
  for (const key of Object.keys(others)) report(cleanText(key), 'is not a key of this file; remove it');
  return { sources, releases, selections, findLine: findLine };
}

/** Lists the values under `sources`. A file with releases or selections may omit them. */
function listSources({ sources, releases, selections, findLine }: WrittenFile, report: Report): readonly unknown[] {
  const hasOthers = releases !== undefined || selections !== undefined;
  if (findLine === undefined || (sources === undefined && hasOthers)) return [];
  if (!Array.isArray(sources)) report('sources', 'expected a list of sources');
  else if (sources.length > SOURCES_MAX) report('sources', `expected at most ${SOURCES_MAX} sources`);
  else return sources;
  return [];
}

function decodeReleases(value: unknown, report: Report): readonly AddedRelease[] {
  if (value === undefined) return [];
  const parsed = writtenReleases.safeParse(value);
  if (parsed.success)
    return Object.entries(parsed.data).map(([name, { base = name, ...rest }]) => ({ name, base, ...rest }));
  for (const issue of parsed.error.issues) reportIssue(issue, 'releases', report);
  return [];
}

function parseYaml(text: string, report: Report): { readonly value: unknown; readonly findLine: FindLine } | undefined {
  const { document, lines, faults } = parseYamlDocument(text);
  for (const { line, message } of faults) report('', `line ${line}: ${message}`);
  if (faults.length > 0) return undefined;
  try {
    const value: unknown = document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
    return { value: value ?? {}, findLine: (path) => findValueLine({ document, lines }, parseKeyPath(path)) };
  } catch (error) {
    report('', `not usable YAML: ${errorText(error)}`);
    return undefined;
  }
}

/** Parses a path of keys. A key that contains a dot is not found, so its line is that of its parent. */
const parseKeyPath = (path: string): readonly (string | number)[] =>
  [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) => (index === undefined ? part : Number(index)));

function decodeSource(value: unknown, path: string, report: Report): readonly ImageSource[] {
  const parsed = writtenSource.safeParse(value);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) reportIssue(issue, path, report);
    return [];
  }
  const written = parsed.data;
  const trust = decodeTrust(written, path, report);
  if (trust === undefined) return [];
  const { name, title, os } = written;
  const base = { name, title, os, arches: new Map(Object.entries(written.arches)), trust };
  if (written.kind === 'files') return [{ ...base, ...decodeFiles(written, path, report) }];
  if (written.kind === 'installer') return [{ ...base, ...decodeInstaller(written, path, report) }];
  const { url, content_ids: contentIds, ftypes, by_name: isByName } = written;
  const { index = trust.kind === 'signed' ? SIGNED_INDEX : UNSIGNED_INDEX } = written;
  for (const [key, text] of Object.entries({ url, index }))
    if (listPlaceholders(text).length > 0) report(`${path}.${key}`, 'a site with simplestreams has no placeholders');
  if (written.signed?.signature !== undefined)
    report(
      `${path}.signed.signature`,
      'the name of the index determines it: .sjson, or .json with .json.gpg; remove it',
    );
  return [{ ...base, kind: 'simplestreams', url, index, contentIds, ftypes, isByName }];
}

/** @returns undefined if the source has neither `signed` nor `unsigned`, or has both */
function decodeTrust(written: WrittenSource, path: string, report: Report): SourceTrust | undefined {
  const { signed, unsigned, why } = written;
  if ((signed === undefined) === (unsigned === undefined)) {
    report(path, 'needs either `signed`, or `unsigned: true` with `why`');
    return undefined;
  }
  if (signed === undefined) {
    const url = findUnsignedUrl(written);
    if (why === undefined) report(`${path}.why`, 'is missing: say why the site is trusted without a signature');
    if (!url.startsWith('https://')) report(path, 'is unsigned, so it needs a URL, which must begin with https://');
    return { kind: 'unsigned', why: why ?? '' };
  }
  if (why !== undefined) report(`${path}.why`, 'belongs to unsigned: true; remove it');
  const { keyrings = [], key_url: keyUrl, fingerprints } = signed;
  if (keyrings.length === 0 && keyUrl === undefined)
    report(`${path}.signed`, 'names no key: it needs keyrings, or key_url with fingerprints');
  const haveAllReleasesFingerprints =
    written.kind === 'files' && written.releases.every((release) => release.fingerprints !== undefined);
  if (keyUrl !== undefined && fingerprints === undefined && !haveAllReleasesFingerprints)
    report(`${path}.signed.fingerprints`, 'is missing: a key from the network is trusted only by its fingerprint');
  return { kind: 'signed', keyrings, keyUrl, fingerprints };
}

/**
 * Finds the URL that must be https if the source is unsigned. Empty if it is the mirror of apt,
 * which is unknown here.
 */
function findUnsignedUrl(written: WrittenSource): string {
  if (written.kind === 'installer') return written.mirror ?? '';
  return written.kind === 'files' ? written.directory : written.url;
}

type WrittenInstaller = Extract<WrittenSource, { readonly kind: 'installer' }>;
type KindFields<Source extends ImageSource> = Omit<Source, 'name' | 'title' | 'os' | 'arches' | 'trust'>;

function decodeInstaller(written: WrittenInstaller, path: string, report: Report): KindFields<InstallerSource> {
  const { mirror, default_mirror: defaultMirror, default_ports_mirror: defaultPortsMirror, releases, signed } = written;
  if (signed?.signature !== undefined)
    report(`${path}.signed.signature`, 'package mirrors have their signatures at fixed paths; remove it');
  if (listPlaceholders(signed?.key_url ?? '').length > 0)
    report(`${path}.signed.key_url`, 'an installer has no placeholders');
  return {
    kind: 'installer',
    mirror,
    defaultMirror,
    defaultPortsMirror,
    releases: Object.entries(releases).map(([name, { title, base = name, images }]) => ({ name, base, images, title })),
  };
}

type WrittenFiles = Extract<WrittenSource, { readonly kind: 'files' }>;

function decodeFiles(written: WrittenFiles, path: string, report: Report): KindFields<FilesSource> {
  const { directory, file, checksums, signed } = written;
  const texts = [directory, file, checksums, signed?.signature ?? '', signed?.key_url ?? ''];
  const needsSerial = texts.some((text) => listPlaceholders(text).includes('serial'));
  const names = new Set<string>();
  for (const [index, { name, serial }] of written.releases.entries()) {
    const releasePath = `${path}.releases[${index}]`;
    if (names.has(name)) report(`${releasePath}.name`, `another release is named ${name}, too: choose another name`);
    names.add(name);
    if (needsSerial && serial === undefined)
      report(`${releasePath}.serial`, 'is missing: the source has the placeholder {serial}');
  }
  return {
    kind: 'files',
    directory,
    file,
    checksums,
    isListOfOne: written.checksums_of === 'file',
    signature: signed?.signature,
    releases: written.releases.map(({ name, version = name, title, serial, fingerprints }) => {
      return { name, version, title, serial, fingerprints };
    }),
  };
}

/** Reports an issue of a schema. Each unknown key is reported by itself. */
export function reportIssue(
  issue: z.core.$ZodIssue,
  path: string,
  report: Report,
  knownKeys: readonly string[] = SOURCE_KEYS,
): void {
  const issuePath = issue.path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}.${cleanText(String(part))}`),
    path,
  );
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      report(
        `${issuePath}.${cleanText(key)}`,
        `unknown key; ${composeNearestHint(key, knownKeys)}config/image-sources.yaml shows all`,
      );
  } else if (issue.code === 'invalid_key') report(issuePath, issue.issues[0]?.message ?? issue.message);
  else report(issuePath, issue.message);
}
