// How a command talks to the running daemon of this host: over its control socket, which only its user and root may open.

import { request } from 'node:http';
import { join } from 'node:path';
import { osErrorCode, RackError } from '../errors.ts';
import { CONTROL_SOCKET } from '../http/config.ts';

const ANSWER_MS_MAX = 15_000;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Asks the daemon that uses `stateDir`.
 *
 * @throws RackError `not-running` when none answers, `permission-denied`, or `not-found` when it does not know the path.
 */
export function askDaemon(stateDir: string, path: string): Promise<unknown> {
  const socketPath = join(stateDir, CONTROL_SOCKET);
  return new Promise((resolve, reject) => {
    const asking = request(
      { socketPath, path, headers: { Host: 'localhost', Accept: 'application/json' } },
      (answer) => {
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
          const text = Buffer.concat(chunks).toString('utf8');
          if (answer.statusCode === 200) resolve(parseAnswer(text, path));
          else if (answer.statusCode === 404) reject(new RackError('not-found', text.trim()));
          else
            reject(
              new RackError(
                'not-running',
                `the daemon answered ${path} with ${answer.statusCode}: ${text.trim().slice(0, 300)}`,
              ),
            );
        });
      },
    );
    asking.setTimeout(ANSWER_MS_MAX, () =>
      asking.destroy(
        new RackError('not-running', `the daemon at ${socketPath} did not answer in ${ANSWER_MS_MAX / 1000} s`),
      ),
    );
    asking.on('error', (error) => reject(toRackError(error, socketPath)));
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

function toRackError(error: unknown, socketPath: string): RackError {
  if (error instanceof RackError) return error;
  const code = osErrorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new RackError(
      'permission-denied',
      `${socketPath} may not be opened by this user; run it as root or as the daemon's user`,
      { cause: error },
    );
  }
  return new RackError(
    'not-running',
    `no running Rackboot answers at ${socketPath}; start it, or name its configuration with --config`,
    { cause: error },
  );
}
