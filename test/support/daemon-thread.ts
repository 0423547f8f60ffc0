// Reaches into a thread of a running daemon through Node's inspector, as a debugger does, to end it or to keep it busy.
//
// 1. The daemon is asked to open its inspector by SIGUSR1; its port must be in its NODE_OPTIONS.

import { eventually } from './running-rack.ts';

/** For NODE_OPTIONS of the daemon. @param port no other test's */
export const inspectorOptions = (port: number): string => `--inspect-port=127.0.0.1:${port}`;

/** A thread, by its name and the daemon's process. */
interface DaemonThread {
  readonly pid: number;
  readonly inspectorPort: number;
  readonly name: string;
}

/** Runs JavaScript in a thread and returns without waiting for it. */
export async function runInThread({ pid, inspectorPort, name }: DaemonThread, code: string): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  const url = await eventually('the inspector answers', () => findInspector(inspectorPort));
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)));
  });
  try {
    await new Promise<void>((resolve) => {
      socket.addEventListener('message', ({ data }) => {
        const message: unknown = JSON.parse(String(data));
        const sessionId = sessionOf(name, message);
        if (sessionId === undefined) return;
        const evaluate = { id: 1, method: 'Runtime.evaluate', params: { expression: code } };
        const params = { sessionId, message: JSON.stringify(evaluate) };
        socket.send(JSON.stringify({ id: 2, method: 'NodeWorker.sendMessageToWorker', params }));
        resolve();
      });
      socket.send(JSON.stringify({ id: 1, method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }));
    });
  } finally {
    // Closing says goodbye after the messages sent.
    socket.close();
  }
}

async function findInspector(port: number): Promise<string | undefined> {
  try {
    const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const first: unknown = Array.isArray(targets) ? targets[0] : undefined;
    return textAt(first, 'webSocketDebuggerUrl');
  } catch {
    return undefined;
  }
}

/** The session of the thread of this name, when the message says that the inspector has joined it. */
function sessionOf(name: string, message: unknown): string | undefined {
  if (textAt(message, 'method') !== 'NodeWorker.attachedToWorker') return undefined;
  const params = at(message, 'params');
  return textAt(at(params, 'workerInfo'), 'title')?.includes(name) === true ? textAt(params, 'sessionId') : undefined;
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function textAt(value: unknown, key: string): string | undefined {
  const found = at(value, key);
  return typeof found === 'string' ? found : undefined;
}
