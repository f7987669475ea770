// Two verifiers that others wrote, asked one question a line: JSON on stdin, one line of JSON on stdout for each.
//
// @sigstore/verify (what npm itself verifies provenance with):
//   Its public `Verifier` checks a whole Sigstore bundle and insists that the logged entry is of one of Sigstore's own
//   kinds (dsse, intoto, hashedrekord). Ours is none, so this calls the part of it that is about logs,
//   `verifyTLogInclusion`: it opens the checkpoint, verifies its signature, and then the inclusion proof against its root.
//   (The package has no `exports` map, so a deep import is allowed.) Trust comes in through the public `toTrustMaterial`
//   in the form of a Sigstore trusted root, whose `checkpointKeyId` is the key id of a signed note: nothing is bent to fit.
// @noble/post-quantum: ML-DSA-44 of FIPS 204 in JavaScript, from the ground up. What is signed is put together here as
//   c2sp.org/tlog-cosignature says.
import { createHash, createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { PublicKeyDetails, TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { toTrustMaterial } from '@sigstore/verify';
import { verifyTLogInclusion } from '@sigstore/verify/dist/tlog/index.js';

const bytes = (text) => Buffer.from(text, 'base64');

function parsed(vkey) {
  const [name, id, key] = [...vkey.split('+', 2), vkey.split('+').slice(2).join('+')];
  return { name, id: Buffer.from(id, 'hex'), type: bytes(key)[0], raw: bytes(key).subarray(1) };
}

// The DER form of an Ed25519 key, out of its 32 bytes.
const spki = (raw) =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
    .export({ type: 'spki', format: 'der' });

function inclusion({ vkey, note, index, hashes, entry }) {
  const key = parsed(vkey);
  const { tlogs } = toTrustMaterial({
    certificateAuthorities: [],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs: [{
      baseUrl: key.name,
      publicKey: { rawBytes: spki(key.raw), keyDetails: PublicKeyDetails.PKIX_ED25519 },
      checkpointKeyId: { keyId: key.id },
    }],
  });
  const logged = TransparencyLogEntry.fromJSON({
    logIndex: String(index),
    canonicalizedBody: entry,
    inclusionProof: { logIndex: String(index), hashes, checkpoint: { envelope: bytes(note).toString() } },
  });
  try {
    verifyTLogInclusion(logged, tlogs);
    return { ok: true };
  } catch (error) {
    return { ok: false, error: error.message };
  }
}

// What an ML-DSA-44 cosigner signs, and a log too: a cosigned_message.
function cosigned(name, time, text) {
  const [origin, size, root] = text.split('\n');
  const number = (value) => {
    const eight = Buffer.alloc(8);
    eight.writeBigUInt64BE(BigInt(value));
    return eight;
  };
  const short = (value) => Buffer.concat([Buffer.from([Buffer.byteLength(value)]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0'), short(name), number(time), short(origin), number(0), number(size), bytes(root),
  ]);
}

const textOf = (note) => note.slice(0, note.lastIndexOf('\n\n') + 1);

function mlDsaVerify({ vkey, note }) {
  const key = parsed(vkey);
  const whole = bytes(note).toString();
  for (const line of whole.slice(textOf(whole).length + 1).trimEnd().split('\n')) {
    const [, name, encoded] = line.split(' ');
    const signature = bytes(encoded);
    if (name === key.name && signature.subarray(0, 4).equals(key.id)) {
      const message = cosigned(name, signature.readBigUInt64BE(4), textOf(whole));
      return { ok: ml_dsa44.verify(new Uint8Array(signature.subarray(12)), message, new Uint8Array(key.raw)) };
    }
  }
  return { ok: false, error: 'no signature by this key' };
}

function mlDsaSign({ name, seed, time, text }) {
  const { publicKey, secretKey } = ml_dsa44.keygen(new Uint8Array(bytes(seed)));
  const signature = ml_dsa44.sign(cosigned(name, time, text), secretKey, { extraEntropy: false });
  const key = Buffer.concat([Buffer.from([6]), publicKey]);
  const id = createHash('sha256').update(`${name}\n`).update(key).digest().subarray(0, 4);
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(time));
  return {
    ok: true,
    vkey: `${name}+${id.toString('hex')}+${key.toString('base64')}`,
    line: `\u2014 ${name} ${Buffer.concat([id, stamp, signature]).toString('base64')}\n`,
  };
}

const questions = { inclusion, 'ml-dsa-44 verify': mlDsaVerify, 'ml-dsa-44 sign': mlDsaSign };

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  process.stdout.write(JSON.stringify(questions[asked.do](asked)) + '\n');
}
