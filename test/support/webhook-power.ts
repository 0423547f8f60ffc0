// The lab's power controller for tests: it records requests, and can delay or refuse its answers.

import type { ServerResponse } from 'node:http';
import { sleep } from '../../src/ground/clock.ts';
import { WebhookPower as LabPower, PowerSocket as LabSocket, type Switchable } from '../../src/lab/webhook-power.ts';
import { eventuallyWithin } from './eventually.ts';

/** The power control of one machine. */
export class PowerSocket extends LabSocket {
  /** The requested changes in order: `on`, `off`. */
  readonly asked: string[] = [];
  /** While true, or for the named change, a change request gets no answer, although the change was made. */
  isSilent: boolean | 'on' | 'off' = false;
  /** How long a power-off takes, in milliseconds. */
  offMs = 0;
  /** An HTTP status to answer with instead of making a change. */
  refuses: number | undefined;
  readonly #silent: ServerResponse[] = [];

  /** How often this state was requested. */
  count(what: 'on' | 'off'): number {
    return this.asked.filter((asked) => asked === what).length;
  }

  /** Waits until the power has this state. */
  async became(what: 'on' | 'off', limitMs = 10_000): Promise<void> {
    await eventuallyWithin(limitMs, `${this.name} ${what}`, () => this.isOn === (what === 'on'));
  }

  override async switchAndAnswer(what: 'on' | 'off', answer: ServerResponse): Promise<void> {
    this.asked.push(what);
    if (this.refuses !== undefined) {
      answer.writeHead(this.refuses).end('no');
      return;
    }
    if (what === 'off') await sleep(this.offMs);
    await this.switchTo(what);
    if (this.isSilent === true || this.isSilent === what) this.#silent.push(answer);
    else super.sendState(answer);
  }

  override sendState(answer: ServerResponse): void {
    if (this.refuses === undefined) super.sendState(answer);
    else answer.writeHead(this.refuses).end('no');
  }

  /** Answers the delayed requests. */
  speak(): void {
    this.isSilent = false;
    for (const answer of this.#silent.splice(0)) this.sendState(answer);
  }
}

/** A server that switches machines on and off. */
export class WebhookPower extends LabPower {
  /** @param address to listen on */
  static async start(address = '127.0.0.1'): Promise<WebhookPower> {
    const power = new WebhookPower(address);
    await power.listen();
    return power;
  }

  /** Adds a machine that is off. */
  add(name: string, machine: Switchable = { on: () => undefined, off: () => undefined }): PowerSocket {
    return this.plug(new PowerSocket(name, machine));
  }
}
