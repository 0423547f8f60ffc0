// The live memory of a Node process: the heap of its main thread after a full collection, from its inspector. The resident memory of a
// process says little about leaks, because the collector leaves tens of MiB uncollected when there is enough.
// Sources: Node's documentation of SIGUSR1; Chrome DevTools Protocol, HeapProfiler.collectGarbage and Runtime.getHeapUsage.

import { once } from 'node:events';
import { eventuallyWithin } from './eventually.ts';

/** Where the inspector listens when a process is asked by signal to start it. */
const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const START_MS_MAX = 10_000;

/** Bytes in use of the heap of the main thread of `pid`, after a collection. It starts the inspector of the process. */
export async function keptBytes(pid: number): Promise<number> {
  const socket = new WebSocket(await inspectorOf(pid));
  try {
    await once(socket, 'open');
    // Another process may have been inspected there before.
    const asked = await ask(socket, 0, 'Runtime.evaluate', { expression: 'process.pid' });
    if (!asked.includes(`"value":${pid},`)) throw new Error(`at ${INSPECTOR} is another process than ${pid}: ${asked}`);
    await ask(socket, 1, 'HeapProfiler.collectGarbage');
    const answer = await ask(socket, 2, 'Runtime.getHeapUsage');
    const bytes = Number(/"usedSize":(\d+)/.exec(answer)?.[1]);
    if (Number.isNaN(bytes)) throw new Error(`no heap usage in ${answer}`);
    return bytes;
  } finally {
    socket.close();
  }
}

/** Asks for one thing at a time. @returns the answer as it was written */
async function ask(socket: WebSocket, id: number, method: string, params: object = {}): Promise<string> {
  const answered = once(socket, 'message');
  socket.send(JSON.stringify({ id, method, params }));
  const [message] = await answered;
  return String(message.data);
}

/** The inspector's address, once it listens. */
function inspectorOf(pid: number): Promise<string> {
  process.kill(pid, 'SIGUSR1');
  return eventuallyWithin(START_MS_MAX, `the inspector of ${pid} answers`, async () => {
    const text = await fetch(INSPECTOR).then(
      (answer) => answer.text(),
      () => '',
    );
    return /"webSocketDebuggerUrl":\s*"([^"]+)"/.exec(text)?.[1];
  });
}
