// What cloud-init does at the first start of the system that a simulated machine was given: it reads its user data with the key of its
// machine and reports that it is up. Nothing of the user data runs; the report says so. Sans-IO, as the agent is (`simulated-agent.ts`).
//
// Sources: cloud-init, "MAAS" data source, "Reporting" (webhook); RFC 5849 §3.4.4 (PLAINTEXT).
//
// 1. Without the key, or when it is refused, the system is up all the same.

import { counted } from '../counted.ts';
import type { AgentWork } from './simulated-agent.ts';

/** Of the user data, that the report repeats. */
const SHOWN_CHARACTERS = 60;
/** The last of cloud-init's stages. */
const STAGE = 'modules-final';
const SECRETS = ['consumer_key', 'token_key', 'token_secret', 'endpoint'] as const;

/** @param cloudConfig what the agent wrote to the disk: the key of the machine, and where its reports go */
export function* startSystem(cloudConfig: string): AgentWork {
  const [consumer, token, secret, endpoint] = SECRETS.map((name) => findValue(cloudConfig, name));
  if (endpoint === undefined || secret === undefined) return { kind: 'up' };
  const fields = {
    Authorization:
      `OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", oauth_consumer_key="${consumer}", ` +
      `oauth_token="${token}", oauth_signature="%26${secret}", oauth_nonce="0", oauth_timestamp="0"`,
  };
  const report = (event: Readonly<Record<string, string>>) => ({
    method: 'POST' as const,
    url: endpoint,
    fields,
    body: JSON.stringify({ origin: 'cloudinit', name: STAGE, ...event }),
  });
  const url = endpoint.replace(/status\/[^/]*$/, 'latest/user-data');
  // As cloud-init does: its last stage begins when the user data, if there are any, were read.
  const { status, text } = yield { method: 'GET', url, fields };
  const begins = status === 200 ? 'running the user data (simulated)' : STAGE;
  yield report({ event_type: 'start', description: begins });
  yield report({
    event_type: 'finish',
    result: 'SUCCESS',
    description: status === 200 ? ranWords(text) : 'ran no user data (simulated)',
  });
  return { kind: 'up' };
}

/** What is said of user data that nothing has run. Comments and the line that says what they are count as none. */
export function ranWords(userData: string): string {
  const lines = userData.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  const last = (lines.at(-1) ?? '').replace(/^[\s-]+/, '').slice(0, SHOWN_CHARACTERS);
  return `ran ${counted(lines.length, 'line')} of user data (simulated), the last: ${last}`;
}

/** A value of the file, which is YAML with its mappings in one line each. */
function findValue(cloudConfig: string, name: string): string | undefined {
  return new RegExp(`["']?${name}["']?: *["']?([^"',}\\s]+)`).exec(cloudConfig)?.[1];
}
