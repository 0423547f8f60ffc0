// `upstream.ts ADDRESS` is a name server: it answers every name of outside.example with an address and a text of its own, and is silent for all others.

import { createSocket } from 'node:dgram';
import { decodeQuery } from '../../src/dns/message.ts';
import { TYPE } from '../../src/dns/record.ts';
import { record, replyTo } from '../dns/fixture.ts';
import { OUTSIDE_SECONDS, outsideAddress, outsideText } from './outside-names.ts';

const socket = createSocket('udp4');
socket.on('message', (bytes, from) => {
  const query = decodeQuery(bytes);
  if (!query.ok || !query.value.question.name.endsWith('outside.example')) return;
  const { name, type } = query.value.question;
  const answers =
    type === TYPE.A
      ? [record(name, 'A', outsideAddress(name), OUTSIDE_SECONDS)]
      : [record(name, 'TXT', outsideText(name), OUTSIDE_SECONDS)];
  socket.send(
    replyTo(bytes, 0, { answers: type === TYPE.A || type === TYPE.TXT ? answers : [] }),
    from.port,
    from.address,
  );
});
socket.bind(53, process.argv[2]);
