// The lab's power for tests: what was asked for is kept, and answers can be late or a refusal.

import type { ServerResponse } from 'node:http';
import { WebhookPower as LabPower, PowerSocket as LabSocket, type Switched } from '../../src/lab/webhook-power.ts';
import { eventuallyWithin } from './eventually.ts';

/** The power of one machine. */
export class PowerSocket extends LabSocket {
  /** What changes were asked for, in their order: `on`, `off`. */
  readonly asked: string[] = [];
  /** True, or only for one of them: whoever asks for a change has no answer until it is false again. The change is done before. */
  isSilent: boolean | 'on' | 'off' = false;
  /** An answer that is given instead of doing anything: an HTTP status. */
  refuses: number | undefined;
  readonly #silent: ServerResponse[] = [];

  /** How often it was asked to become so. */
  count(what: 'on' | 'off'): number {
    return this.asked.filter((asked) => asked === what).length;
  }

  /** Waits until it is so. */
  async became(what: 'on' | 'off', limitMs = 10_000): Promise<void> {
    await eventuallyWithin(limitMs, `${this.name} ${what}`, () => this.isOn === (what === 'on'));
  }

  override async change(what: 'on' | 'off', answer: ServerResponse): Promise<void> {
    this.asked.push(what);
    if (this.refuses !== undefined) {
      answer.writeHead(this.refuses).end('no');
      return;
    }
    await this.switchTo(what);
    if (this.isSilent === true || this.isSilent === what) this.#silent.push(answer);
    else super.tell(answer);
  }

  override tell(answer: ServerResponse): void {
    if (this.refuses === undefined) super.tell(answer);
    else answer.writeHead(this.refuses).end('no');
  }

  /** Answers those who waited. */
  speak(): void {
    this.isSilent = false;
    for (const answer of this.#silent.splice(0)) this.tell(answer);
  }
}

/** A server that switches machines. */
export class WebhookPower extends LabPower {
  /** @param address where it listens */
  static async start(address = '127.0.0.1'): Promise<WebhookPower> {
    const power = new WebhookPower(address);
    await power.listen();
    return power;
  }

  /** Plugs a machine in, off. */
  add(name: string, machine: Switched = { on: () => undefined, off: () => undefined }): PowerSocket {
    return this.plug(new PowerSocket(name, machine));
  }
}
