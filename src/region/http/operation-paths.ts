// Finds the operations that the target of a request names. One table serves all listeners: Fastify
// would build a router for each of them whenever the region starts.
//
// Sources: RFC 3986 §2.4 (decoding after splitting), §3.3 (segments); RFC 9112 §3.2.2 (targets in
// absolute form).
//
// 1. A segment that has its own name in the table wins over one that stands for a `{parameter}`, as
//    in Fastify's router.
// 2. Segments are decoded one by one: a `/` in a parameter may come as `%2F`. Below `files/` and
//    `subnets/` it may come as it is: the command line of MAAS and libmaas do not encode the words
//    of a path.
// 3. Repeated slashes count as one, and a slash at the end does not count. In the name of a file
//    they all count but the last.
// 4. A volume group and a partition are also found below the plural, as in MAAS (LP 1715230):
//    gomaasclient writes it.

import type { ApiVersion, Operation } from '../api/call/operation.ts';
import { operationsByPath } from '../api/operations.ts';

/** Longest value of a parameter in a path, in characters; Fastify refuses a longer one in its routes, too. */
export const PATH_VALUE_MAX = 100;
/** The segments before those of an operation: `MAAS`, `api` and the version. */
const BASE_SEGMENTS = 3;

export interface FoundOperations {
  readonly kind: 'operations';
  readonly operations: readonly Operation[];
  /** The segments by the `{name}` they stand for. */
  readonly path: Readonly<Record<string, string>>;
}
interface NothingFound {
  readonly kind: 'nothing';
  /** The decoded path, if a segment longer than PATH_VALUE_MAX stands for a parameter in it. */
  readonly tooLong: string | undefined;
}

interface Branch {
  readonly named: Map<string, Branch>;
  parameter?: Branch;
  end?: { readonly names: readonly string[]; readonly operations: readonly Operation[] };
}

const PREFIX = /^\d{1,3}$/;
const SINGULAR = /(?<=\/)(?:volume-group|partition)(?=\/)/;

const isParameter = (segment: string) => segment.startsWith('{');

function buildOperationTree(version: ApiVersion) {
  const root: Branch = { named: new Map() };
  for (const [path, operations] of operationsByPath(version)) {
    for (const spelling of new Set([path, path.replace(SINGULAR, '$&s')])) {
      const segments = spelling.split('/');
      let branch = root;
      for (const segment of segments)
        branch = isParameter(segment) ? getParameterBranch(branch) : getNamedBranch(branch, segment);
      branch.end = { names: segments.filter(isParameter).map((segment) => segment.slice(1, -1)), operations };
    }
  }
  return root;
}

function getParameterBranch(branch: Branch) {
  branch.parameter ??= { named: new Map() };
  return branch.parameter;
}

function getNamedBranch(branch: Branch, segment: string): Branch {
  const next = branch.named.get(segment) ?? { named: new Map() };
  branch.named.set(segment, next);
  return next;
}

const roots = new Map<ApiVersion, Branch>();

function getRootBranch(version: ApiVersion) {
  const root = roots.get(version) ?? buildOperationTree(version);
  roots.set(version, root);
  return root;
}

/**
 * Finds the operations of a version. @param target of a request whose path begins with
 * `/MAAS/api/<version>/` and can be decoded
 */
export function findOperations(version: ApiVersion, target: string): FoundOperations | NothingFound {
  const all = splitSegments(target);
  const segments = all.slice(BASE_SEGMENTS);
  let isTooLong = false;
  const follow = (branch: Branch, index: number, values: readonly string[]): FoundOperations | undefined => {
    const segment = segments[index];
    if (segment === undefined) return branch.end === undefined ? undefined : foundAt(branch.end, values);
    const named = branch.named.get(segment);
    const match = named === undefined ? undefined : follow(named, index + 1, values);
    if (match !== undefined || branch.parameter === undefined) return match;
    if (segment.length <= PATH_VALUE_MAX) return follow(branch.parameter, index + 1, [...values, segment]);
    isTooLong = true;
    return undefined;
  };
  return (
    follow(getRootBranch(version), 0, []) ?? { kind: 'nothing', tooLong: isTooLong ? `/${all.join('/')}` : undefined }
  );
}

function foundAt({ names, operations }: NonNullable<Branch['end']>, values: readonly string[]): FoundOperations {
  return {
    kind: 'operations',
    operations,
    path: Object.fromEntries(names.map((name, at) => [name, values[at] ?? ''])),
  };
}

function splitSegments(target: string): readonly string[] {
  const [path = ''] = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1);
  const parts = path.split('/').map((part) => decodeURIComponent(part));
  const named = parts.flatMap((part, index) => (part === '' ? [] : [index]));
  const group = named[BASE_SEGMENTS];
  const head = named.slice(0, BASE_SEGMENTS + 1).map((index) => parts[index] ?? '');
  return group === undefined ? head : [...head, ...segmentsBelow(parts[group] ?? '', parts.slice(group + 1))];
}

/**
 * The segments below the first one of an operation's path. The name of a file, and a network, are
 * one segment with their slashes.
 */
function segmentsBelow(group: string, parts: readonly string[]): readonly string[] {
  const segments = parts.filter((part) => part !== '');
  if (group === 'files' && segments.length > 0) return [parts.slice(0, parts.at(-1) === '' ? -1 : undefined).join('/')];
  const isNetwork = group === 'subnets' && segments.length === 2 && PREFIX.test(segments[1] ?? '');
  return isNetwork ? [segments.join('/')] : segments;
}
