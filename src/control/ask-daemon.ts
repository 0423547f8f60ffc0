// Sends requests of commands to the running daemon of this host, over its control socket, which
// only its user and root may open.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { composeReaderRemedy, findOwnUserName } from '../files/ownership.ts';
import { isOutside, osErrorCode, RackError } from '../ground/errors.ts';
import { CONTROL_SOCKET, ELSEWHERE_START } from '../http/config.ts';
import { HttpFailure, type HttpRequest, openHttp, readLines, readWholeAnswer } from '../net/http-client.ts';
import { formatRefusalLines, type OptionNames } from './field-refusal.ts';
import { findTypedConfig, startCommand } from './start-command.ts';

/** The path of the region's machines. For one machine, add a system id and a slash. */
export const MACHINES_PATH = '/MAAS/api/2.0/machines/';

/** The base URL of requests to the daemon. Its host is only used for the field `Host`. */
const DAEMON_URL = new URL('http://localhost');
const ANSWER_MS_MAX = 15_000;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** The longest line of a streamed answer. */
const LINE_CHARACTERS_MAX = 16 * 1024 * 1024;

/** The methods of a request: POST and PUT change something, DELETE removes it. */
export type ControlMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

const FORM_TYPE = 'application/x-www-form-urlencoded';

interface AskOptions {
  readonly contentType?: string;
  readonly names?: OptionNames;
  /** How long the daemon may be silent, in milliseconds. By default ANSWER_MS_MAX. */
  readonly answerMsMax?: number;
}

/**
 * Asks the daemon that uses `stateDir`.
 * @returns the value of a JSON answer, or the text of another answer. Undefined if there is none
 * @param body URL-encoded parameters that do not fit into a path, or a body of another
 * `contentType`. A refusal uses the names in `names`
 * @throws RackError `not-running`, `permission-denied`, `bad-argument`, `not-found`, `try-later`
 */
export async function askDaemon(
  stateDir: string,
  path: string,
  method: ControlMethod = 'GET',
  body?: string,
  { contentType = FORM_TYPE, names = {}, answerMsMax = ANSWER_MS_MAX }: AskOptions = {},
): Promise<unknown> {
  const headers = { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': contentType }) };
  try {
    const answer = await openDaemon(stateDir, { path, method, headers, body, silenceMs: answerMsMax });
    const text = (await readWholeAnswer(answer, ANSWER_BYTES_MAX)).toString('utf8');
    const { statusCode: status = 0 } = answer;
    if (status === 204) return undefined;
    if (status !== 200 && status !== 201) throw toRefusal(status, text, path, names);
    return /^text\/plain\b/.test(answer.headers['content-type'] ?? '') ? text : parseAnswer(text, path);
  } catch (error) {
    throw explainError(error, stateDir, path);
  }
}

/**
 * Sends one request to the daemon that uses `stateDir`, as `openHttp` does. Each request opens a
 * new connection, because the daemon may have closed a former one, and a command must never be sent
 * twice.
 */
export const openDaemon = (stateDir: string, request: Omit<HttpRequest, 'url'> & { readonly path: string }) =>
  openHttp({ ...request, url: DAEMON_URL, socketPath: join(stateDir, CONTROL_SOCKET) });

/** Returns a hint if this host also has the configuration of a region apart from the rack. */
const getRegionHint = (): string =>
  existsSync(REGION_CONFIG) ? `. If the region is on this host, add --config ${REGION_CONFIG} to the command` : '';

function toRefusal(status: number, text: string, path: string, names?: OptionNames): RackError {
  const reason = formatRefusalLines(text, names);
  if (status === 429) return new RackError('try-later', reason);
  if (status === 404)
    return new RackError('not-found', `${reason}${reason.startsWith(ELSEWHERE_START) ? getRegionHint() : ''}`);
  if (status === 400 || status === 403 || status === 409) return new RackError('bad-argument', reason);
  // A refusal of the region is a sentence that already names the remedy.
  const isSentence = path.startsWith('/MAAS/') && /^[^<{]/.test(reason);
  return new RackError('not-running', isSentence ? reason : `the daemon answered ${path} with ${status}: ${reason}`);
}

/**
 * Follows a streamed answer of the daemon line by line, until the daemon ends or `signal` is aborted.
 *
 * @throws RackError as `askDaemon`.
 */
export async function followDaemon(
  stateDir: string,
  path: string,
  onLine: (value: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    const answer = await openDaemon(stateDir, { path, signals: [signal] });
    const { statusCode: status = 0 } = answer;
    if (status !== 200)
      throw toRefusal(status, (await readWholeAnswer(answer, LINE_CHARACTERS_MAX)).toString('utf8'), path);
    for await (const line of readLines(answer, LINE_CHARACTERS_MAX)) if (line !== '') onLine(parseAnswer(line, path));
  } catch (error) {
    const hasEnded = signal.aborted || (error instanceof HttpFailure && error.code === 'cut');
    if (!hasEnded) throw explainError(error, stateDir, path);
  }
}

function parseAnswer(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RackError('not-running', `the daemon's answer to ${path} is not JSON`, { cause: error });
  }
}

/** Explains a failure of the outside world. */
function explainError(error: unknown, stateDir: string, path: string): unknown {
  if (error instanceof RackError || !isOutside(error)) return error;
  const socketPath = join(stateDir, CONTROL_SOCKET);
  if (error instanceof HttpFailure) {
    const text = `the daemon at ${socketPath} gave no answer to ${path}: ${error.message}`;
    return new RackError('not-running', text, { cause: error });
  }
  const code = osErrorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new RackError(
      'permission-denied',
      `${findOwnUserName()} may not open ${socketPath}: ${composeReaderRemedy(stateDir)}`,
      { cause: error },
    );
  }
  return new RackError(
    'not-running',
    `no running Rackboot answers at ${socketPath}; \`${startCommand(findTypedConfig(process.argv))}\` starts it, --config names another`,
    { cause: error },
  );
}
