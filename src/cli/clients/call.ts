// Builds the request for an operation from the words after it.
//
// Source: the maas command line: first the words of the path, then `key=value`, or `key@=file` for the content of a file. Parameters of GET and
// DELETE go into the query, those of POST and PUT into a body of multipart/form-data; `op` is always in the query.
//
// 1. A word without `=` that follows `key=` is the value of that key, because shells split `labels= "*"` into two words.

import { systemClock } from '../../clock.ts';
import { RackError } from '../../errors.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import type { Action } from './description.ts';
import { encodeMultipart, type Part } from './multipart.ts';
import type { RegionRequest } from './region-request.ts';

/** `key=value` or `key@=file`. */
const ASSIGNMENT = /^([^=@]+)(@?)=(.*)$/s;
const BOUNDARY_BYTES = 16;

/** Reads a file of any size: the operation bounds it. */
const readWhole = (path: string): Buffer => readGivenFile(path, Number.POSITIVE_INFINITY);

/** @throws RackError `bad-argument` for missing or unusable words; as `readGivenFile` */
export function requestOf(action: Action, words: readonly string[], read = readWhole): RegionRequest {
  const { places, method, op } = action;
  const given = words.slice(0, places.length);
  const wrong = given.findIndex((word) => /^\w+@?=/.test(word));
  const missing = wrong === -1 ? places.slice(given.length) : places.slice(wrong);
  if (missing.length > 0) {
    const names = missing.map((name) => name.toUpperCase()).join(' and ');
    throw new RackError(
      'bad-argument',
      `${names} ${missing.length === 1 ? 'is' : 'are'} missing: ${action.name} takes ${places.join(', then ')}, before all parameters`,
    );
  }
  const path = action.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(given[places.indexOf(name)] ?? ''),
  );
  const parts = partsOf(words.slice(places.length), read);
  const query = new URLSearchParams(op === null ? {} : { op });
  if (method === 'GET' || method === 'DELETE') {
    for (const { name, value } of parts)
      query.append(name, typeof value === 'string' ? value : Buffer.from(value).toString('utf8'));
    return { method, path, query };
  }
  if (parts.length === 0) return { method, path, query };
  const boundary = Buffer.from(systemClock.randomBytes(BOUNDARY_BYTES)).toString('hex');
  const type = `multipart/form-data; boundary=${boundary}`;
  return { method, path, query, body: { type, bytes: encodeMultipart(parts, boundary) } };
}

function partsOf(words: readonly string[], read: (path: string) => Uint8Array): readonly Part[] {
  const parts: Part[] = [];
  for (const word of words) {
    const [, name, at, value = ''] = ASSIGNMENT.exec(word) ?? [];
    const last = parts.at(-1);
    if (name !== undefined) parts.push({ name, value: at === '@' ? read(value) : value });
    else if (last?.value === '') parts[parts.length - 1] = { name: last.name, value: word };
    else
      throw new RackError(
        'bad-argument',
        `"${word.slice(0, 100)}" is not a parameter: write KEY=VALUE, or KEY@=FILE for the content of a file`,
      );
  }
  return parts;
}
