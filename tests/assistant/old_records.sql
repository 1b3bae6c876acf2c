BEGIN TRANSACTION;
CREATE TABLE answers (
	answer_id VARCHAR NOT NULL, 
	thread_id VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	answer VARCHAR NOT NULL, 
	PRIMARY KEY (answer_id)
);
INSERT INTO "answers" VALUES('b7cdaad2c4e74d318c838bc2e3ff3977','df9e1cce4b1849dc8103999690f93fa9','2026-12-01T01:34:27.179750+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":120.9,"route":2.0,"retrieve":1.0,"first_token":103.9,"generate":11.0,"verify":0.3},"thread_id":"df9e1cce4b1849dc8103999690f93fa9","answer_id":"b7cdaad2c4e74d318c838bc2e3ff3977","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}');
INSERT INTO "answers" VALUES('8b0516f556cd47eb883be63dd200dc56','77ae9820556f43329cbac25dc283f870','2026-12-01T01:34:27.710723+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{"rag":{"seconds":0.12090000000000001,"cost_usd":0.0}}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":135.8,"route":0.4,"retrieve":0.9,"first_token":111.2,"generate":9.1,"verify":0.4},"thread_id":"77ae9820556f43329cbac25dc283f870","answer_id":"8b0516f556cd47eb883be63dd200dc56","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}');
CREATE TABLE comparisons (
	position INTEGER NOT NULL, 
	first VARCHAR NOT NULL, 
	second VARCHAR NOT NULL, 
	grader VARCHAR NOT NULL, 
	choice VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	first_answer VARCHAR NOT NULL, 
	second_answer VARCHAR NOT NULL, 
	PRIMARY KEY (position)
);
INSERT INTO "comparisons" VALUES(1,'b7cdaad2c4e74d318c838bc2e3ff3977','8b0516f556cd47eb883be63dd200dc56','ann','tie','2026-12-01T01:34:27.791423+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":120.9,"route":2.0,"retrieve":1.0,"first_token":103.9,"generate":11.0,"verify":0.3},"thread_id":"df9e1cce4b1849dc8103999690f93fa9","answer_id":"b7cdaad2c4e74d318c838bc2e3ff3977","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{"rag":{"seconds":0.12090000000000001,"cost_usd":0.0}}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":135.8,"route":0.4,"retrieve":0.9,"first_token":111.2,"generate":9.1,"verify":0.4},"thread_id":"77ae9820556f43329cbac25dc283f870","answer_id":"8b0516f556cd47eb883be63dd200dc56","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}');
CREATE TABLE document_signatures (
	document_id VARCHAR NOT NULL, 
	signature BLOB NOT NULL, 
	PRIMARY KEY (document_id)
);
CREATE TABLE documents (
	document_id VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	media_type VARCHAR NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	pages TEXT NOT NULL, 
	page_count INTEGER NOT NULL, 
	characters INTEGER NOT NULL, 
	chunks INTEGER NOT NULL, 
	"indexed" VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	added VARCHAR NOT NULL, 
	metadata TEXT DEFAULT '{}' NOT NULL, 
	PRIMARY KEY (document_id)
);
CREATE TABLE examples (
	example_id VARCHAR NOT NULL, 
	task VARCHAR NOT NULL, 
	input VARCHAR NOT NULL, 
	output VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	answer_id VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	PRIMARY KEY (example_id)
);
CREATE TABLE facts (
	name VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "facts" VALUES('documentation','done');
CREATE TABLE grades (
	position INTEGER NOT NULL, 
	answer_id VARCHAR NOT NULL, 
	grader VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	outcome VARCHAR NOT NULL, 
	scores VARCHAR NOT NULL, 
	better_answer VARCHAR NOT NULL, 
	right_sources VARCHAR NOT NULL, 
	comment VARCHAR NOT NULL, 
	seconds FLOAT NOT NULL, 
	rubric VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	answer VARCHAR NOT NULL, 
	answered VARCHAR NOT NULL, 
	PRIMARY KEY (position), 
	UNIQUE (answer_id, grader, version)
);
INSERT INTO "grades" VALUES(1,'b7cdaad2c4e74d318c838bc2e3ff3977','ann',1,'graded','{"correct": 5, "supported": 5, "complete": 5}','','[]','fine',0.0,'1ea6f6d5535f040d5fccb068379bb7e5f7d1facd2f1a9f790e1e5e688d2c9003','2026-12-01T01:34:27.747332+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":120.9,"route":2.0,"retrieve":1.0,"first_token":103.9,"generate":11.0,"verify":0.3},"thread_id":"df9e1cce4b1849dc8103999690f93fa9","answer_id":"b7cdaad2c4e74d318c838bc2e3ff3977","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}','2026-12-01T01:34:27.179750+00:00');
INSERT INTO "grades" VALUES(2,'b7cdaad2c4e74d318c838bc2e3ff3977','bob',1,'graded','{"correct": 2, "supported": 2, "complete": 2}','','[]','fine',0.0,'1ea6f6d5535f040d5fccb068379bb7e5f7d1facd2f1a9f790e1e5e688d2c9003','2026-12-01T01:34:27.782642+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":120.9,"route":2.0,"retrieve":1.0,"first_token":103.9,"generate":11.0,"verify":0.3},"thread_id":"df9e1cce4b1849dc8103999690f93fa9","answer_id":"b7cdaad2c4e74d318c838bc2e3ff3977","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}','2026-12-01T01:34:27.179750+00:00');
CREATE TABLE ingest_jobs (
	job_id VARCHAR NOT NULL, 
	collection VARCHAR NOT NULL, 
	sources TEXT NOT NULL, 
	follow INTEGER NOT NULL, 
	again INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	cancel INTEGER NOT NULL, 
	owner VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	ended VARCHAR NOT NULL, 
	finished INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	current TEXT NOT NULL, 
	report TEXT NOT NULL, 
	error TEXT NOT NULL, 
	PRIMARY KEY (job_id)
);
CREATE TABLE run_steps (
	position INTEGER NOT NULL, 
	thread_id VARCHAR NOT NULL, 
	question_id VARCHAR NOT NULL, 
	node VARCHAR NOT NULL, 
	began FLOAT NOT NULL, 
	seconds FLOAT NOT NULL, 
	changed VARCHAR NOT NULL, 
	calls VARCHAR NOT NULL, 
	PRIMARY KEY (position)
);
CREATE TABLE threads (
	thread_id VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	folded VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	updated VARCHAR NOT NULL, 
	PRIMARY KEY (thread_id)
);
INSERT INTO "threads" VALUES('df9e1cce4b1849dc8103999690f93fa9','How long does the warranty last?','how long does the warranty last?','2026-12-01T01:34:26.641135+00:00','2026-12-01T01:34:27.179022+00:00');
INSERT INTO "threads" VALUES('77ae9820556f43329cbac25dc283f870','How long does the warranty last?','how long does the warranty last?','2026-12-01T01:34:27.190809+00:00','2026-12-01T01:34:27.710381+00:00');
CREATE TABLE tool_runs (
	call_id VARCHAR NOT NULL, 
	begun VARCHAR NOT NULL, 
	PRIMARY KEY (call_id)
);
INSERT INTO "tool_runs" VALUES('call-1','2026-12-01T01:34:27.818401+00:00');
CREATE TABLE turns (
	position INTEGER NOT NULL, 
	thread_id VARCHAR NOT NULL, 
	question_id VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	asked VARCHAR NOT NULL, 
	answer_id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	seconds FLOAT NOT NULL, 
	cost_usd FLOAT NOT NULL, 
	replaced_by VARCHAR NOT NULL, 
	folded VARCHAR NOT NULL, 
	PRIMARY KEY (position), 
	UNIQUE (question_id)
);
INSERT INTO "turns" VALUES(1,'df9e1cce4b1849dc8103999690f93fa9','c58b929f49e9434c8e20a81cac93ba2c','How long does the warranty last?','2026-12-01T01:34:26.658165+00:00','b7cdaad2c4e74d318c838bc2e3ff3977','rag',1.2090000000000000746e-01,0.0,'','how long does the warranty last?
the warranty lasts 24 months from the date of delivery [1].');
INSERT INTO "turns" VALUES(2,'77ae9820556f43329cbac25dc283f870','bdab5e0f00ca466d94e25cfb48e13f54','How long does the warranty last?','2026-12-01T01:34:27.277585+00:00','8b0516f556cd47eb883be63dd200dc56','rag',0.1358,0.0,'','how long does the warranty last?
the warranty lasts 24 months from the date of delivery [1].');
CREATE TABLE votes (
	answer_id VARCHAR NOT NULL, 
	vote VARCHAR NOT NULL, 
	comment VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	answer VARCHAR NOT NULL, 
	PRIMARY KEY (answer_id)
);
INSERT INTO "votes" VALUES('b7cdaad2c4e74d318c838bc2e3ff3977','up','good','2026-12-01T01:34:27+00:00','How long does the warranty last?','{"text":"The warranty lasts 24 months from the date of delivery [1].","route":{"path":"rag","reason":"Your documents have a passage close to this, in “Document 0” (90% alike).","confidence":0.997,"scores":{"zero_shot":0.003,"few_shot":0.0,"tools":0.0,"rag":0.997},"forced":false,"learned":false,"seen":{},"expected":{}},"citations":[{"marker":"[1]","chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","page":null,"start":0,"end":55,"snippet":"The warranty lasts 24 months from the date of delivery.","score":1.0,"place":""}],"grounding":{"score":1.0,"label":"supported","sentences":[{"text":"The warranty lasts 24 months from the date of delivery [1].","start":0,"end":59,"score":1.0,"supported":true}]},"abstained":false,"model":"fake:reader","usage":{"prompt_tokens":72,"completion_tokens":11,"cost_usd":0.0},"timing":{"total":120.9,"route":2.0,"retrieve":1.0,"first_token":103.9,"generate":11.0,"verify":0.3},"thread_id":"df9e1cce4b1849dc8103999690f93fa9","answer_id":"b7cdaad2c4e74d318c838bc2e3ff3977","quoted":false,"stopped":false,"question":"How long does the warranty last?","evidence":[{"passage":{"chunk_id":"c0","document_id":"d0","source":"/docs/0.md","title":"Document 0","text":"The warranty lasts 24 months from the date of delivery. Repairs extend it by six months.","start":0,"end":88,"page":null,"heading":"","score":1.0,"similarity":0.9,"part":"","line":null,"line_name":""},"kept":true,"why":"answers the question (81%)"}],"notices":[],"prompt":{"name":"passages","version":"1","sha256":"b692f1ee86de92f9cbfca6ea3699f5c0f727ad0d02e0790237f18b572235d0a1"},"task":"","examples":[],"data":null,"steps":[],"partial":false,"pending":[]}');
CREATE INDEX ix_threads_updated ON threads (updated);
CREATE INDEX ix_turns_thread_id ON turns (thread_id);
CREATE INDEX ix_answers_thread_id ON answers (thread_id);
CREATE INDEX ix_answers_created ON answers (created);
CREATE INDEX ix_grades_answer_id ON grades (answer_id);
CREATE INDEX ix_documents_state ON documents (state);
CREATE INDEX ix_documents_collection ON documents (collection);
CREATE INDEX ix_documents_sha256 ON documents (sha256);
CREATE INDEX ix_documents_source ON documents (source);
CREATE INDEX ix_examples_task ON examples (task);
CREATE INDEX ix_examples_answer_id ON examples (answer_id);
CREATE INDEX ix_run_steps_thread_id ON run_steps (thread_id);
CREATE INDEX ix_run_steps_question_id ON run_steps (question_id);
CREATE INDEX ix_ingest_jobs_state ON ingest_jobs (state);
COMMIT;
