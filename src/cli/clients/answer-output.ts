// Prints a region's answer like MAAS's command line: JSON with one key per line, and the status
// only on a terminal.

import { isUtf8 } from 'node:buffer';
import { RackError } from '../../ground/errors.ts';
import { print, printBytes, printDocument, printError, printJson } from '../terminal/output.ts';
import { parseAnswerJson, type RegionAnswer } from './region-request.ts';

const INDENT = 4;

/** The exit code of MAAS's command for a refused request. */
const REFUSED = 2;

/**
 * Parses a JSON answer; undefined for another media type. @throws RackError `not-running` if it is
 * damaged
 */
export function parseJsonAnswer({ type, body }: RegionAnswer): { readonly value: unknown } | undefined {
  if (type !== 'application/json') return undefined;
  const value = parseAnswerJson({ body });
  if (value === undefined) throw new RackError('not-running', "the region's answer claims to be JSON but is not");
  return { value };
}

/**
 * Prints an answer to standard output, a refusal too, because scripts read it there. @returns 0, or
 * REFUSED
 */
export function printAnswer(answer: RegionAnswer): number {
  const isDone = answer.status >= 200 && answer.status < 300;
  if (!isDone && answer.body.length === 0) printError(`rackboot: the region answered ${answer.status}`);
  if (isDone && process.stdout.isTTY === true) {
    print('Success.');
    print('Machine-readable output follows:');
  }
  const json = parseJsonAnswer(answer);
  if (json !== undefined) printJson(json.value, INDENT);
  else printContent(answer);
  return isDone ? 0 : REFUSED;
}

/** Prints the body of an answer. A text gets a line end on a terminal. */
function printContent({ body }: RegionAnswer): void {
  if (body.length === 0) return;
  if (!isUtf8(body)) printBytes(body);
  else {
    const text = body.toString('utf8');
    printDocument(process.stdout.isTTY === true && !text.endsWith('\n') ? `${text}\n` : text);
  }
}
