// A connection to PostgreSQL, and its end, even if the server is gone. The driver waits for the server to close its side, which a lost host
// never does.

import pg from 'pg';
import { systemClock } from '../../clock.ts';
import { errorText } from '../../errors.ts';
import { StoreOutage } from '../../region/words/outage.ts';
import { damagedAnswer, isUnderstood, NO_MESSAGE } from './postgres-faults.ts';
import { type MessageFault, ServerMessages } from './server-messages.ts';

/** How long the server may take to close its side, in milliseconds. Then the connection is dropped. */
const END_MS_MAX = 1000;

/** Ends a connection within END_MS_MAX. Never throws. */
export async function endConnection(client: pg.Client): Promise<void> {
  const late = systemClock.schedule(END_MS_MAX, () => client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  late.cancel();
}

/** A statement's text, or several ones without values, of which each has an answer. */
interface Question {
  readonly text: string;
  readonly answers: number;
}

/** The answers to at least two statements, of which the types of the driver show only one. */
export async function answersTo<R extends pg.QueryResultRow>(
  client: pg.ClientBase,
  statements: readonly string[],
): Promise<readonly pg.QueryResult<R>[]> {
  const question: Question = { text: statements.join('; '), answers: statements.length };
  const answers: unknown = await client.query(question);
  return Array.isArray(answers) ? answers : [];
}

/** Called after a log-in, by the pool's, too. */
type Connected = (error: Error | null, client: pg.Client) => void;

/** The error of a log-in. Its text names the step that failed. */
const ofLogIn = (error: Error): Error => (isUnderstood(error) ? error : damagedAnswer(error, errorText(error)));

/** True if a question may have this number of answers. Without values and with a semicolon, the text may hold several statements. */
function mayHave(answers: number, question: unknown, values: unknown): boolean {
  const asked = typeof question === 'string' ? { text: question } : question;
  if (typeof asked !== 'object' || asked === null) return answers === 1;
  if ('answers' in asked) return answers === asked.answers;
  const isPlain = values === undefined && !('values' in asked) && 'text' in asked;
  return answers === 1 || (isPlain && String(asked.text).includes(';'));
}

/**
 * A connection, which ends if its log-in fails, or if a message is damaged or too large. The driver leaves a connection open if the server
 * asks for a password and none is configured.
 *
 * Each query and each log-in fails with an error that the database reports, one of the connection, or one of ours. The connection ends after
 * any other: the driver could not read what the server said. Errors between queries reach the next query.
 */
export class PostgresClient extends pg.Client {
  #isLoggedIn = false;

  constructor(config: pg.ClientConfig = {}) {
    super(config);
    // The driver prefers the password of a URL, even if the URL has none.
    const { password } = config;
    if (password !== undefined) Object.defineProperty(this, 'password', { value: password, writable: true });
    this.on('error', () => undefined);
    this.connection.on('error', () => this.connection.stream.destroy());
    const ask = (parameters: readonly unknown[]): Promise<unknown> => Reflect.apply(super.query, this, parameters);
    const logIn = (then: Connected): void => Reflect.apply(super.connect, this, [then]);
    // The driver's types of these methods have a dozen forms.
    Object.defineProperty(this, 'connect', { value: (then?: Connected) => this.#loggedIn(logIn, then) });
    Object.defineProperty(this, 'query', { value: (...parameters: unknown[]) => this.#answered(ask, parameters) });
    this.once('connect', () => {
      this.#isLoggedIn = true;
    });
    // With TLS, the first stream has no messages.
    this.connection.once(this.ssl ? 'sslconnect' : 'connect', () => this.#checkMessages());
  }

  #loggedIn(logIn: (then: Connected) => void, then: Connected | undefined): Promise<this> | undefined {
    if (then !== undefined) {
      logIn((error) => then(error && ofLogIn(error), this));
      return undefined;
    }
    const { promise, resolve, reject } = Promise.withResolvers<this>();
    logIn((error) => (error ? reject(ofLogIn(error)) : resolve(this)));
    return promise;
  }

  async #answered(
    ask: (parameters: readonly unknown[]) => Promise<unknown>,
    parameters: readonly unknown[],
  ): Promise<unknown> {
    let cause: unknown;
    try {
      const answers = await ask(parameters);
      if (mayHave(Array.isArray(answers) ? answers.length : 1, parameters[0], parameters[1])) return answers;
    } catch (error) {
      if (isUnderstood(error)) throw error;
      cause = error;
    }
    const error = damagedAnswer(cause);
    this.connection.stream.destroy(error);
    throw error;
  }

  /** Gives the driver only bytes without a fault. */
  #checkMessages(): void {
    const { stream } = this.connection;
    const messages = new ServerMessages();
    const readers = stream.listeners('data');
    stream.removeAllListeners('data');
    stream.on('data', (bytes: Uint8Array) => {
      if (stream.destroyed) return;
      const fault = messages.faultIn(bytes);
      if (fault === undefined) for (const read of readers) Reflect.apply(read, stream, [bytes]);
      else stream.destroy(this.#errorOf(fault, messages));
    });
  }

  /** Before its first message, the server is another one. Until the log-in, PostgreSQL sends no long message. */
  #errorOf(fault: MessageFault, { haveBegun }: ServerMessages): Error {
    if (!haveBegun) return new Error(NO_MESSAGE);
    if (!this.#isLoggedIn || fault === 'damaged') return damagedAnswer();
    return new StoreOutage({ note: 'database-unusable', fault: 'row-too-large', said: '' });
  }
}
