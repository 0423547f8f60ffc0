// Starts a virtual machine as a lab does, and waits to be killed. Words: the name of the namespace, the directory of the machine.

import { LabNamespace } from '../../src/lab/namespace.ts';
import { VirtualMachine } from '../../src/lab/virtual-machine.ts';

const [name = '', directory = ''] = process.argv.slice(2);
const machine = new VirtualMachine(
  {
    name: 'machine',
    firmware: 'bios',
    nic: 'virtio-net-pci',
    mac: '52:54:00:77:00:09',
    memoryMib: 64,
    cpus: 1,
    diskBytes: 4096,
    diskSerial: 'X',
    uuid: '77777777-0000-4000-8000-000000000009',
    serial: 'X',
    directory,
  },
  LabNamespace.create(name, '10.77.9.1', 24),
);
await machine.start();
