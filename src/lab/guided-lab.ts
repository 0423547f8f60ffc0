// `npm start`: a lab on this host's loopback, with one rack and one simulated machine, or several
// of each (a fleet). Any user can run it.
//
//   ports are free ─▶ files ─▶ racks ─▶ the region answers ─▶ machines enlist and reach their goals ─▶ what to try next
//                                            └─ from here on events are reported ────────────────────▶ Ctrl-C: what was removed
//
// 1. Until the region answers, the lab reports only that it starts.
// 2. However the lab ends, its racks, machines and files are removed.
// 3. Suggestions follow the report of the enlisted machine.

import { Resolver } from 'node:dns/promises';
import { rmSync } from 'node:fs';
import { ownProgram } from '../control/own-program.ts';
import { systemClock } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { keyPart } from '../region/accounts/accounts.ts';
import { DaemonProcess, type LogLine } from './daemon-process.ts';
import { Enlistment } from './enlistment.ts';
import { Fleet } from './fleet.ts';
import { type PlannedMachine, planFleet } from './fleet-plan.ts';
import { tellEvents } from './lab-events.ts';
import { LAB_SYSTEM, type LabFiles, type LabRack, makeLabFiles, rackPlace } from './lab-files.ts';
import { checkPorts } from './lab-ports.ts';
import { type LabMachine, LabRegion } from './lab-region.ts';
import { formatFleetProgress, nextSteps, openingWords, removedWords, stepWords } from './lab-words.ts';
import type { Narrator } from './narrator.ts';
import { simulatedHardware } from './simulated-hardware.ts';
import { WebhookPower } from './webhook-power.ts';

interface LabSize {
  readonly machines: number;
  readonly racks: number;
}

const TOKEN_CHARACTERS = 32;
const REGION_MS_MAX = 60_000;
const PINO_ERROR = 50;
/** Machines between two progress lines. */
const FLEET_REPORT_EVERY = 5;

/** Runs the lab until `until` settles (Ctrl-C). @throws RackError if it cannot start */
export async function runGuidedLab(size: LabSize, narrator: Narrator, until: Promise<void>): Promise<void> {
  await checkPorts(Array.from({ length: size.racks }, (_, index) => ({ place: rackPlace(index) })));
  const lab = new GuidedLab(size, narrator, until);
  try {
    await Promise.race([lab.run(), until]);
    await until;
  } finally {
    await lab.end();
  }
}

class GuidedLab {
  readonly #size: LabSize;
  readonly #narrator: Narrator;
  readonly #stop = new AbortController();
  readonly #daemons: DaemonProcess[] = [];
  readonly #enlistment = new Enlistment();
  #files: LabFiles | undefined;
  #power: WebhookPower | undefined;
  #fleet: Fleet | undefined;
  #running: Promise<void> = Promise.resolve();
  #placed = 0;

  constructor(size: LabSize, narrator: Narrator, until: Promise<void>) {
    this.#size = size;
    this.#narrator = narrator;
    void until.then(() => this.#stop.abort());
  }

  get #isFleet(): boolean {
    return this.#size.machines > 1;
  }

  run(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#close();
    // Close again: processes that were starting may run now.
    await this.#running.catch(() => undefined);
    await this.#close();
    if (this.#files === undefined) return;
    rmSync(this.#files.directory, { recursive: true, force: true });
    const { machines, racks } = this.#size;
    this.#narrator.tell('lab', removedWords(machines, racks, this.#files.directory));
  }

  async #close(): Promise<void> {
    await this.#fleet?.close();
    this.#power?.close();
    await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.stop()));
    this.#fleet = undefined;
    this.#power = undefined;
  }

  async #run(): Promise<void> {
    const { machines, racks } = this.#size;
    this.#narrator.tell('lab', openingWords(machines, racks));
    const files = await makeLabFiles(racks);
    this.#files = files;
    const [first, ...others] = files.racks;
    if (first === undefined) return;
    const region = new LabRegion(first.stateDir);
    await this.#startFirst(first);
    const hint = this.#isFleet ? `: sign in as ${files.user} with the password ${files.password}` : '';
    this.#narrator.tell('lab', `The region answers at ${regionPageUrl(first)}${hint}`);
    // A fleet has too many events to read.
    if (!this.#isFleet)
      void tellEvents(first.stateDir, this.#narrator, this.#stop.signal, (name, words) => {
        this.#enlistment.note(words);
        void this.#tellName(name, words);
      });
    for (const rack of others) {
      await this.#start(rack);
      await region.acceptRack(rack.name, rack.stateDir);
      this.#narrator.tell('rack', `${rack.name} serves ${rack.place.octets}.0/22; the region has accepted it`);
    }
    await this.#fill(files, region);
  }

  async #fill(files: LabFiles, region: LabRegion): Promise<void> {
    const { machines, racks } = this.#size;
    this.#power = new WebhookPower('127.0.0.1', keyPart(systemClock, TOKEN_CHARACTERS));
    await this.#power.listen();
    const isFleet = this.#isFleet;
    let last: LabMachine | undefined;
    const parts = {
      files,
      region,
      power: this.#power,
      onStep: (mac: string, step: Parameters<typeof stepWords>[0]): void => {
        const words = isFleet || this.#placed > 0 ? undefined : stepWords(step);
        const who = step.name === 'power-on' ? `The simulated machine ${mac}` : 'It';
        if (words !== undefined) this.#narrator.tell('machine', `${who} ${words}`);
      },
      onPlaced: (machine: LabMachine): void => {
        last = machine;
        this.#placed += 1;
        const isNews = this.#placed === machines || this.#placed % FLEET_REPORT_EVERY === 0;
        if (isFleet && isNews) this.#narrator.tell('lab', formatFleetProgress(this.#placed, machines));
      },
      onTrouble: (text: string): void => this.#narrator.tell('problem', text),
    };
    const alone: PlannedMachine = { hostname: 'machine', kind: simulatedHardware(0), goal: 'new', rack: 0 };
    this.#fleet = await Fleet.open(parts, isFleet ? planFleet(machines, racks) : [alone]);
    await this.#fleet.lead(isFleet);
    if (!isFleet) await this.#enlistment.whenReported(systemClock, this.#stop.signal);
    if (!this.#stop.signal.aborted) this.#tellNext(files, isFleet ? undefined : last?.hostname);
  }

  #tellNext(files: LabFiles, machine: string | undefined): void {
    const [first] = files.racks;
    if (first === undefined) return;
    const { user, password, userData } = files;
    const more = { program: ownProgram(), system: LAB_SYSTEM, machine };
    this.#narrator.show(
      nextSteps({ pageUrl: regionPageUrl(first), user, password, configFile: first.configFile, userData, ...more }),
    );
  }

  /** Starts the first rack, and waits until the region answers. */
  async #startFirst(rack: LabRack): Promise<void> {
    const up = Promise.withResolvers<void>();
    await this.#start(rack, ({ event }) => {
      if (event === 'region.up') up.resolve();
    });
    const late = systemClock.schedule(REGION_MS_MAX, () =>
      up.reject(new RackError('not-running', `the region did not answer within ${REGION_MS_MAX / 1000} s`)),
    );
    this.#stop.signal.addEventListener('abort', () => up.reject(new RackError('not-running', 'the lab ends')));
    await up.promise.finally(() => late.cancel());
  }

  async #start(rack: LabRack, onLine: (line: LogLine) => void = () => undefined): Promise<void> {
    const daemon = await DaemonProcess.start({
      config: rack.configFile,
      onLine: (line) => {
        // Racks stop one after another: one reports that another is gone.
        const isProblem = line.level >= PINO_ERROR && !this.#stop.signal.aborted;
        if (isProblem) this.#narrator.tell('problem', `${rack.name}: ${line.msg}`);
        onLine(line);
      },
      onExit: (code) => {
        if (!this.#stop.signal.aborted)
          this.#narrator.tell('problem', `${rack.name} has ended with ${code}. Ctrl-C ends the lab.`);
      },
    });
    this.#daemons.push(daemon);
    this.#stop.signal.throwIfAborted();
  }

  /** Looks a deployed machine up in the rack's DNS. */
  async #tellName(hostname: string, words: string): Promise<void> {
    if (words !== 'is Deployed') return;
    const { octets, dnsPort } = rackPlace(0);
    const resolver = new Resolver();
    resolver.setServers([`${octets}.1:${dnsPort}`]);
    const name = `${hostname.split('.')[0]}.maas`;
    const addresses = await resolver.resolve4(name).catch(() => []);
    const query = `(dig -p ${dnsPort} @${octets}.1 ${name})`;
    if (addresses.length > 0)
      this.#narrator.tell('rack', `answers in DNS: ${name} is ${addresses.join(', ')} ${query}`);
  }
}

const regionPageUrl = ({ place }: LabRack): string => `http://127.0.0.1:${place.regionPort}/MAAS/`;
