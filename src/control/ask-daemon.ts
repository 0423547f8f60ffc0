// Commands talk to the running daemon of this host over its control socket, which only its user and root may open.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { REGION_CONFIG } from '../config/region-config-place.ts';
import { osErrorCode, RackError } from '../errors.ts';
import { ownUserName, readerRemedy } from '../files/ownership.ts';
import { CONTROL_SOCKET, ELSEWHERE_START } from '../http/config.ts';
import { type OptionNames, refusalLines } from './field-refusal.ts';
import { startCommand, typedConfig } from './start-command.ts';

// `import` would read each export of this module, and so load an HTTP client that is not used: see `http/server.ts`.
const { request } = process.getBuiltinModule('node:http');

/** The path of the region's machines; add a system id and a slash for one machine. */
export const MACHINES_PATH = '/MAAS/api/2.0/machines/';

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
  /** How long the daemon may be silent, in milliseconds. Default: ANSWER_MS_MAX. */
  readonly answerMsMax?: number;
}

/**
 * Asks the daemon that uses `stateDir`.
 * @returns the value of a JSON answer, the text of any other, undefined if there is none
 * @param body URL-encoded parameters that do not fit into a path, or a body of another `contentType`; a refusal uses the names of `names`
 * @throws RackError `not-running`, `permission-denied`, `bad-argument`, `not-found`, `try-later`
 */
export async function askDaemon(
  stateDir: string,
  path: string,
  method: ControlMethod = 'GET',
  body?: string,
  { contentType = FORM_TYPE, names = {}, answerMsMax = ANSWER_MS_MAX }: AskOptions = {},
): Promise<unknown> {
  const type = body === undefined ? {} : { 'Content-Type': contentType };
  const { status, text, isText } = await exchange(stateDir, { path, method, headers: type, body, answerMsMax });
  if (status === 200 || status === 201) return isText ? text : parseAnswer(text, path);
  if (status === 204) return undefined;
  throw refusalOf(status, text, path, names);
}

interface Exchange {
  readonly path: string;
  readonly method: ControlMethod;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly answerMsMax: number;
}

/** One request, and its whole answer. */
function exchange(
  stateDir: string,
  { path, method, headers: own, body, answerMsMax }: Exchange,
): Promise<{ readonly status: number; readonly text: string; readonly isText: boolean }> {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  const headers = { Host: 'localhost', Accept: 'application/json', ...own };
  return new Promise((resolve, reject) => {
    // A new connection each time: the daemon may have closed a kept one meanwhile, and a command must never be sent twice.
    const asking = request({ socketPath, path, method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX)
          asking.destroy(
            new RackError('not-running', `the answer to ${path} is larger than ${ANSWER_BYTES_MAX} bytes`),
          );
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const isText = /^text\/plain\b/.test(answer.headers['content-type'] ?? '');
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8'), isText });
      });
    });
    asking.setTimeout(answerMsMax, () => {
      const text = `the daemon at ${socketPath} did not answer in ${answerMsMax / 1000} s`;
      asking.destroy(new RackError('not-running', text));
    });
    asking.on('error', (error) => reject(toRackError(error, stateDir)));
    asking.end(body);
  });
}

/** A rack and a region apart from it may share a host, each with its own file. */
const regionHereHint = (): string =>
  existsSync(REGION_CONFIG) ? `. If the region is on this host, add --config ${REGION_CONFIG} to the command` : '';

function refusalOf(status: number, text: string, path: string, names?: OptionNames): RackError {
  const reason = refusalLines(text, names);
  if (status === 429) return new RackError('try-later', reason);
  if (status === 404)
    return new RackError('not-found', `${reason}${reason.startsWith(ELSEWHERE_START) ? regionHereHint() : ''}`);
  if (status === 400 || status === 403 || status === 409) return new RackError('bad-argument', reason);
  // A refusal of the region is a sentence that names the remedy.
  const isSentence = path.startsWith('/MAAS/') && /^[^<{]/.test(reason);
  return new RackError('not-running', isSentence ? reason : `the daemon answered ${path} with ${status}: ${reason}`);
}

/**
 * Follows a streamed answer of the daemon line by line, until the daemon ends or `signal` is aborted.
 *
 * @throws RackError as `askDaemon`.
 */
export function followDaemon(
  stateDir: string,
  path: string,
  onLine: (value: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, headers: { Host: 'localhost' } }, (answer) => {
      answer.setEncoding('utf8');
      let rest = '';
      answer.on('data', (text: string) => {
        rest += text;
        if (rest.length > LINE_CHARACTERS_MAX) {
          asking.destroy(new RackError('not-running', `a line of the answer to ${path} is too long`));
          return;
        }
        if (answer.statusCode !== 200) return;
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        try {
          for (const line of lines) if (line !== '') onLine(parseAnswer(line, path));
        } catch (error) {
          reject(error);
          asking.destroy();
        }
      });
      answer.on('error', (error) => (error instanceof RackError ? reject(error) : resolve()));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(refusalOf(answer.statusCode ?? 0, rest, path));
      });
    });
    asking.on('error', (error) => {
      if (signal.aborted) resolve();
      else reject(toRackError(error, stateDir));
    });
    signal.addEventListener('abort', () => asking.destroy());
    asking.end();
  });
}

function parseAnswer(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RackError('not-running', `the daemon's answer to ${path} is not JSON`, { cause: error });
  }
}

function toRackError(error: unknown, stateDir: string): RackError {
  if (error instanceof RackError) return error;
  const socketPath = join(stateDir, CONTROL_SOCKET);
  const code = osErrorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new RackError(
      'permission-denied',
      `${ownUserName()} may not open ${socketPath}: ${readerRemedy(stateDir)}`,
      { cause: error },
    );
  }
  return new RackError(
    'not-running',
    `no running Rackboot answers at ${socketPath}; \`${startCommand(typedConfig(process.argv))}\` starts it, --config names another`,
    { cause: error },
  );
}
