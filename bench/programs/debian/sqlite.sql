-- Inserts, an index, updates, selects and a join on tables in a file.
drop table if exists person;
drop table if exists visit;
begin;
create table person (id integer primary key, name text, town integer, age integer);
create table visit (person integer, day integer, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
    insert into person select i, printf('person-%06d', (i * 7919) % 20011), i % 97, (i * 31) % 90 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 40000)
    insert into visit select (i * 101) % 20000 + 1, i % 365, hex(i * 2654435761 % 4294967296) from n;
commit;
create index visit_person on visit (person);
create index person_name on person (name);
update person set age = age + 1 where town % 3 = 0;
delete from visit where day between 100 and 110;
select 'BENCH check', count(*), sum(age) from person where name like 'person-01%';
select 'BENCH check', sum(n), max(n) from (select town, count(*) n from person join visit on visit.person = person.id group by town);
select 'BENCH check', count(distinct note), min(note) from visit;
select 'BENCH check', group_concat(name) from (select name from person where age > 80 order by name desc limit 5);
