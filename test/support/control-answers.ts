// A control socket with prepared answers, in the place of a running rack or region.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { CONTROL_SOCKET } from '../../src/http/config.ts';

/**
 * Answers until the test ends; DELETE succeeds without an answer.
 * @param answers by path and query, or for each request @param region of the configuration file
 * @returns the configuration file, the paths that were deleted, and the bodies that were sent
 */
export async function answerControl(
  t: TestContext,
  answers: Readonly<Record<string, unknown>> | ((url: URL, method: string) => unknown),
  region = '{ mode: embedded }',
): Promise<{ readonly config: string; readonly deleted: readonly string[]; readonly bodies: readonly string[] }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-control-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  const config = join(stateDir, 'rackboot.yaml');
  writeFileSync(config, `name: rack\nstate_dir: ${stateDir}\nregion: ${region}\n`);
  const deleted: string[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const answer = typeof answers === 'function' ? answers(new URL(url, 'http://localhost'), method) : answers[url];
    if (method === 'DELETE') deleted.push(url);
    const body = await text(request);
    if (body !== '') bodies.push(body);
    if (method === 'DELETE') response.writeHead(204).end();
    else response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  t.after(() => server.close());
  return { config, deleted, bodies };
}
