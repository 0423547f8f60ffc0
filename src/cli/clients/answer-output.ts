// Prints a region's answer like MAAS's command line: JSON with one key per line, and the status only on a terminal.

import { isUtf8 } from 'node:buffer';
import { refusalLines } from '../../control/field-refusal.ts';
import { RackError } from '../../errors.ts';
import { print, printBytes, printDocument, printError, printJson } from '../terminal/output.ts';
import type { RegionAnswer } from './region-request.ts';

const INDENT = 4;
/** Scripts read it whole: a refusal may name every field. */
const REFUSAL_CHARACTERS_MAX = 4000;

const isSuccess = ({ status }: RegionAnswer): boolean => status >= 200 && status < 300;

/** Prints the reason of a refusal on standard error. @returns 1 */
function printRefusal({ status, body }: RegionAnswer): number {
  const said = refusalLines(body.toString('utf8'), REFUSAL_CHARACTERS_MAX);
  printError(`rackboot: ${said === '' ? `the region answered ${status}` : said}`);
  return 1;
}

/** The value of an answer in JSON; undefined for another media type. @throws RackError `not-running` if it is damaged */
export function jsonOf({ type, body }: RegionAnswer): { readonly value: unknown } | undefined {
  if (type !== 'application/json') return undefined;
  try {
    return { value: JSON.parse(body.toString('utf8')) };
  } catch (cause) {
    throw new RackError('not-running', "the region's answer claims to be JSON but is not", { cause });
  }
}

/** Prints an answer. @returns 0, or 1 for a refusal */
export function printAnswer(answer: RegionAnswer): number {
  if (!isSuccess(answer)) return printRefusal(answer);
  if (process.stdout.isTTY === true) {
    print('Success.');
    print('Machine-readable output follows:');
  }
  const json = jsonOf(answer);
  if (json !== undefined) printJson(json.value, INDENT);
  else printContent(answer);
  return 0;
}

/** Prints an answer that is not JSON: a text, with a line end on a terminal, or the bytes of a file. */
function printContent({ body }: RegionAnswer): void {
  if (body.length === 0) return;
  if (!isUtf8(body)) printBytes(body);
  else {
    const text = body.toString('utf8');
    printDocument(process.stdout.isTTY === true && !text.endsWith('\n') ? `${text}\n` : text);
  }
}
