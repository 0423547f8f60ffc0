// Builds the request for an operation from the words after it.
//
// Source: the maas command line: first the words of the path, then `key=value`, or `key@=file` for
// the content of a file. Parameters of GET and DELETE go into the query, those of POST and PUT into
// multipart/form-data; `op` is always in the query.
//
// 1. A word without `=` that follows `key=` is the value of that key, because shells split
//    `labels= "*"` into two words.

import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import type { Action } from './description.ts';
import type { RegionRequest } from './region-request.ts';

// Parameters as a body of `multipart/form-data`, each part in Base64, as MAAS's command line sends them.
//
// Sources: RFC 7578 §4.2 and §4.4; RFC 2046 §5.1.1 (a boundary); RFC 2045 §6.8 (76 characters a line).

interface Part {
  readonly name: string;
  readonly value: string | Uint8Array;
}

const LINE_END = '\r\n';
const LINE_CHARACTERS = 76;

/** @param boundary any text: no line of Base64 begins with `--` */
export function encodeMultipart(parts: readonly Part[], boundary: string): Buffer {
  const pieces = parts.flatMap(({ name, value }) => {
    const isFile = typeof value !== 'string';
    const bytes = isFile ? Buffer.from(value) : Buffer.from(value, 'utf8');
    const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [''];
    const quoted = quoteName(name);
    return [
      `--${boundary}`,
      `Content-Disposition: form-data; name="${quoted}"${isFile ? `; filename="${quoted}"` : ''}`,
      `Content-Type: ${isFile ? 'application/octet-stream' : 'text/plain; charset="utf-8"'}`,
      'Content-Transfer-Encoding: base64',
      '',
      ...lines,
    ];
  });
  return Buffer.from([...pieces, `--${boundary}--`, ''].join(LINE_END));
}

/** HTML Living Standard, "multipart/form-data encoding algorithm". */
const quoteName = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');

/** `key=value` or `key@=file`. */
const ASSIGNMENT = /^([^=@]+)(@?)=(.*)$/s;
const BOUNDARY_BYTES = 16;

/** Reads a file without a limit, because the region limits the size. */
const readWhole = (path: string): Buffer => readGivenFile(path, Number.POSITIVE_INFINITY);

/**
 * @throws RackError `bad-argument` for missing or unusable words, and the errors of `readGivenFile`
 */
export function buildRegionRequest(action: Action, argv: readonly string[], read = readWhole): RegionRequest {
  const { pathParameters, method, op } = action;
  const pathWords = argv.slice(0, pathParameters.length);
  const assignmentIndex = pathWords.findIndex((word) => /^\w+@?=/.test(word));
  const missingNames =
    assignmentIndex === -1 ? pathParameters.slice(pathWords.length) : pathParameters.slice(assignmentIndex);
  if (missingNames.length > 0) {
    const names = missingNames.map((name) => name.toUpperCase()).join(' and ');
    throw new RackError(
      'bad-argument',
      `${names} ${missingNames.length === 1 ? 'is' : 'are'} missing: ${action.name} takes ${pathParameters.join(', then ')}, before all parameters`,
    );
  }
  const path = action.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(pathWords[pathParameters.indexOf(name)] ?? ''),
  );
  const parts = parseParts(argv.slice(pathParameters.length), read);
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

function parseParts(words: readonly string[], read: (path: string) => Uint8Array): readonly Part[] {
  const parts: Part[] = [];
  for (const word of words) {
    const [, name, atSign, value = ''] = ASSIGNMENT.exec(word) ?? [];
    const previous = parts.at(-1);
    if (name !== undefined) parts.push({ name, value: atSign === '@' ? read(value) : value });
    else if (previous?.value === '') parts[parts.length - 1] = { name: previous.name, value: word };
    else
      throw new RackError(
        'bad-argument',
        `"${word.slice(0, 100)}" is not a parameter: write KEY=VALUE, or KEY@=FILE for the content of a file`,
      );
  }
  return parts;
}
