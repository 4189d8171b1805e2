// Uploads a file with tus-js-client through a proxy that cuts the first connection with so many bytes, and prints the
// URL of the upload, how often the connection was cut, and what the client was answered.
import fs from 'node:fs'
import net from 'node:net'
import * as tus from 'tus-js-client'

const { PORT, KEY, FILE, CUT_AFTER, CHUNK } = process.env
let cuts = 0

const proxy = net.createServer((client) => {
  const server = net.connect(Number(PORT), '127.0.0.1')
  let passed = 0
  client.on('data', (data) => {
    passed += data.length
    server.write(data)
    if (cuts === 0 && passed > Number(CUT_AFTER)) {
      cuts += 1
      server.end()
      client.destroy()
    }
  })
  server.on('data', (data) => client.write(data))
  for (const [one, other] of [[client, server], [server, client]]) {
    one.on('end', () => other.end())
    one.on('error', () => other.destroy())
  }
})
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))

const offsets = []
const upload = new tus.Upload(fs.readFileSync(FILE), {
  endpoint: `http://127.0.0.1:${proxy.address().port}/v1/uploads/resumable`,
  headers: { Authorization: `Bearer ${KEY}` },
  metadata: { filename: 'größe.bin', filetype: 'application/octet-stream' },
  chunkSize: Number(CHUNK) || Infinity,
  retryDelays: [100, 300, 1000, 3000, 5000],
  onAfterResponse: (request, response) => {
    if (request.getMethod() === 'HEAD') offsets.push(Number(response.getHeader('Upload-Offset')))
  },
  onError: (error) => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: () => {
    console.log(JSON.stringify({ url: upload.url, cuts, offsets }))
    process.exit(0)
  },
})
upload.start()
