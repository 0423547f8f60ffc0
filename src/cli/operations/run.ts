// Runs an operation of the API as a command of Rackboot, at this host's daemon or at the region of a profile.

import { loadStateDir } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { formatRefusalLines } from '../../control/field-refusal.ts';
import { RackError, type RackErrorCode } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { parseJsonAnswer } from '../clients/answer-output.ts';
import { buildRegionRequest } from '../clients/call.ts';
import { type Action, listParameters, takesAnyParameter } from '../clients/description.ts';
import { readProfile } from '../clients/profiles.ts';
import { profileClient, type RegionAnswer } from '../clients/region-request.ts';
import { isUpload, uploadNamed } from '../clients/upload-call.ts';
import { print, printFields, printJson, printTable } from '../terminal/output.ts';
import { buildTable, listFields, listIn } from './value-table.ts';

/** Columns if the output is not a terminal. */
const WIDTH = 120;

interface Place {
  readonly config: string;
  readonly json: boolean;
  /** Undefined: ask this host's daemon. */
  readonly profile?: string | undefined;
}

/** @param words those of the path, then the parameters @returns 0 @throws RackError as `askDaemon` */
export async function runOperation(action: Action, words: readonly string[], place: Place): Promise<number> {
  checkNames(action, words.slice(action.pathParameters.length));
  const value =
    place.profile === undefined
      ? await askHere(place.config, action, words)
      : await askThere(place.profile, action, words);
  if (place.json) printJson(value ?? null);
  else printValue(value);
  return 0;
}

/** Refuses a mistyped parameter, which the region would ignore. */
function checkNames(action: Action, words: readonly string[]): void {
  const parameters = listParameters(action);
  if (takesAnyParameter(action)) return;
  for (const word of words) {
    const name = /^([^=@]+)@?=/.exec(word)?.[1];
    if (name === undefined || parameters.includes(name)) continue;
    const others =
      parameters.length === 0
        ? 'it has none'
        : `${composeNearestHint(name, parameters)}it has ${parameters.join(', ')}`;
    throw new RackError('bad-argument', `${action.name} has no parameter ${name}: ${others}`);
  }
}

async function askThere(profile: string, action: Action, words: readonly string[]): Promise<unknown> {
  const ask = profileClient(readProfile(profile));
  return parseAnswer((await uploadNamed(action, words, ask)) ?? (await ask(buildRegionRequest(action, words))));
}

function askHere(config: string, action: Action, words: readonly string[]): Promise<unknown> {
  if (isUpload(action, words))
    throw new RackError('bad-argument', 'use `rackboot images upload` to upload an image to the region of this host');
  const { method, path, query, body } = buildRegionRequest(action, words);
  const search = query === undefined || query.size === 0 ? '' : `?${query}`;
  const text = body === undefined ? undefined : Buffer.from(body.bytes).toString('latin1');
  return askDaemon(loadStateDir(config).stateDir, `${path}${search}`, method, text, body && { contentType: body.type });
}

const CODES: ReadonlyMap<number, RackErrorCode> = new Map([
  [400, 'bad-argument'],
  [401, 'permission-denied'],
  [403, 'bad-argument'],
  [404, 'not-found'],
  [409, 'bad-argument'],
  [429, 'try-later'],
]);

/** Undefined: the answer is empty. */
function parseAnswer(answer: RegionAnswer): unknown {
  const { status, body } = answer;
  const text = body.toString('utf8');
  if (status === 204) return undefined;
  if (status >= 200 && status < 300) {
    const json = parseJsonAnswer(answer);
    return json === undefined ? text : json.value;
  }
  const refusal = formatRefusalLines(text);
  throw new RackError(CODES.get(status) ?? 'not-running', refusal === '' ? `the region answered ${status}` : refusal);
}

function printValue(value: unknown): void {
  if (value === undefined || value === null || value === '') print('Done.');
  else if (Array.isArray(value)) showList(value);
  else if (typeof value === 'object') {
    const page = listIn(value);
    if (page !== undefined) showList(page.list);
    printFields(listFields(page?.others ?? value));
  } else print(String(value));
}

function showList(list: readonly unknown[]): void {
  const { headings, rows } = buildTable(list, process.stdout.columns ?? WIDTH);
  printTable(headings, rows, 'There is nothing to list.');
}
