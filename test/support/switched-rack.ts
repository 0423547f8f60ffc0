// A rack on loopback with one simulated machine, m1, whose power a webhook controls.

import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { SwitchableMachine } from '../../src/lab/simulated-life.ts';
import { RunningRack } from './running-rack.ts';
import { type PowerSocket, WebhookPower } from './webhook-power.ts';

/** A rack, not yet started, with a static range of ten addresses for deployed machines. */
export function rackWithStaticRange(place: LabPlace): RunningRack {
  const range = `    static_ip_range_low: ${place.octets}.10\n    static_ip_range_high: ${place.octets}.19\n`;
  return new RunningRack(place, (text) => text.replace(/( +ip_range_high: .*\n)/, `$1${range}`));
}

export interface SwitchedRack {
  readonly rack: RunningRack;
  readonly power: WebhookPower;
  readonly life: SwitchableMachine;
  readonly socket: PowerSocket;
  /** Presses the machine's power button. */
  pressButton(): Promise<void>;
  close(): Promise<void>;
}

/** Creates the rack without starting it. @param index of the machine, unique among running racks */
export async function makeSwitchedRack(place: LabPlace, index: number): Promise<SwitchedRack> {
  const rack = rackWithStaticRange(place);
  const power = await WebhookPower.start();
  const life = new SwitchableMachine(place, index);
  const socket = power.add('m1', life);
  life.onOff = () => {
    socket.isOn = false;
  };
  return {
    rack,
    power,
    life,
    socket,
    async pressButton() {
      await life.on();
      socket.isOn = true;
    },
    async close() {
      await life.close();
      power.close();
      await rack.remove();
    },
  };
}
